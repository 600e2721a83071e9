"""The protocol of a source of bars, which is all that other rooms know of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Protocol

import numpy as np
from attrs import frozen

from glowback_trio.data.calendars.resolution import resolution_of
from glowback_trio.errors import Problem
from glowback_trio.model.bars import Dataset, Times
from glowback_trio.model.request import BacktestRequest, Resolution
from glowback_trio.model.short_repr import describe

__all__ = ["Listing", "Source", "no_checkpoint"]


@frozen(repr=False)
class Listing:
    """One symbol's prices at one resolution, as `GET /datasets` lists them.

    Attributes:
        symbol: The symbol, or `*` if every symbol is available.
        source: Where the prices come from.
        resolution: The length of a bar; None if there are too few rows to infer it.
        first_bar: Time of the first bar, RFC 3339; None if the prices cannot be read.
        last_bar: Time of the last bar; None if the prices cannot be read.
        rows: Number of rows; None if they are generated on demand or cannot be read.
        problem: Why the prices cannot be read; None if they can.
    """

    symbol: str
    source: Literal["sample", "csv", "parquet", "memory"]
    resolution: Resolution | None
    first_bar: str | None = None
    last_bar: str | None = None
    rows: int | None = None
    problem: str | None = None

    def __repr__(self) -> str:
        more = {"rows": self.rows} if self.problem is None else {"problem": self.problem}
        time_range = f"{self.first_bar} to {self.last_bar}"
        length = str(self.resolution)
        return describe(self, self.symbol, self.source, length, time_range, **more)

    @classmethod
    def of(
        cls,
        symbol: str,
        source: Literal["csv", "parquet", "memory"],
        time: Times,
        resolution: Resolution | None = None,
    ) -> Listing:
        """Describe rows by their times, (R,), from which a resolution not given is inferred."""
        if not len(time):
            return cls(symbol, source, resolution, rows=0)
        # Not the first and the last row, because rows need not be sorted.
        first, last = (f"{np.datetime_as_string(t, 's')}Z" for t in (time.min(), time.max()))
        return cls(symbol, source, resolution or resolution_of(time), first, last, len(time))


def no_checkpoint() -> None:
    """The default checkpoint of a load: never stops it."""


class Source(Protocol):
    """A source of bars. Its methods are synchronous, and loading may take seconds."""

    def problems(self, request: BacktestRequest) -> Iterator[Problem]:
        """Yield all problems of a request that can be found without reading prices."""

    def load(
        self, request: BacktestRequest, checkpoint: Callable[[], object] = no_checkpoint
    ) -> Dataset:
        """Load the bars of a request.

        Daily bars have their session date at 00:00 UTC as their time, and intraday bars the offset
        of their market's clock, unless that is UTC: `Stamps.placed` gives both.

        Args:
            request: Names the symbols, the range, the resolution and the data quality mode.
            checkpoint: Called before each symbol; an exception that it raises ends the load.

        Raises:
            InvalidRequestError: The request has problems, see `problems`.
            DataError: The bars cannot be loaded or used. Its message goes to clients, so it names
                files but no directory.
        """

    def datasets(self) -> Sequence[Listing]:
        """List the available prices, ordered by symbol."""
