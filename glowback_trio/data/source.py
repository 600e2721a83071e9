"""Where bars come from, as the rest of the package sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Protocol

import numpy as np
from attrs import frozen

from glowback_trio.data.calendars.resolution import resolution_of
from glowback_trio.errors import Problem
from glowback_trio.model.bars import Dataset, Times
from glowback_trio.model.request import BacktestRequest, Resolution

__all__ = ["Listing", "Source", "no_checkpoint"]


@frozen
class Listing:
    """One symbol's prices at one resolution, as `GET /datasets` tells them.

    Attributes:
        symbol: The symbol, or `*` where every symbol is served.
        source: Where the prices come from.
        resolution: The length of a bar, or None when too few rows tell.
        first_bar: Time of the first bar, RFC 3339; None when the prices cannot be read.
        last_bar: Time of the last one.
        rows: How many rows there are; None where they are made on demand or cannot be read.
        problem: Why the prices cannot be read, if they cannot.
    """

    symbol: str
    source: Literal["sample", "csv", "parquet", "memory"]
    resolution: Resolution | None
    first_bar: str | None = None
    last_bar: str | None = None
    rows: int | None = None
    problem: str | None = None

    @classmethod
    def of(
        cls,
        symbol: str,
        source: Literal["csv", "parquet", "memory"],
        time: Times,
        resolution: Resolution | None = None,
    ) -> Listing:
        """Describe rows by their times, (R,), inferring a resolution that nothing names."""
        if not len(time):
            return cls(symbol, source, resolution, rows=0)
        first, last = (f"{np.datetime_as_string(t, 's')}Z" for t in (time.min(), time.max()))
        return cls(symbol, source, resolution or resolution_of(time), first, last, len(time))


def no_checkpoint() -> None:
    """The checkpoint of a caller who never stops a load half-way."""


class Source(Protocol):
    """Where bars come from. All of it is synchronous; loading may take seconds."""

    def problems(self, request: BacktestRequest) -> Iterator[Problem]:
        """Say everything that speaks against a request and needs no file's content."""

    def load(
        self, request: BacktestRequest, checkpoint: Callable[[], object] = no_checkpoint
    ) -> Dataset:
        """Get the bars of a request.

        Args:
            request: What is asked.
            checkpoint: Called before each symbol; what it raises ends the load.

        Raises:
            InvalidRequestError: The request has problems.
            DataError: The bars cannot be had or used, in a sentence that names no directory.
        """

    def datasets(self) -> Sequence[Listing]:
        """List what there is, in the order of symbols."""
