"""The prices of a server for programs without trio: the methods of `Prices`, blocking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from glowback_trio.client.http_api import Moment
from glowback_trio.client.prices.prices import Prices

__all__ = ["SyncPrices"]

Document = Mapping[str, Any]


@frozen(eq=False, repr=False)
class SyncPrices:
    """The methods of `Prices`, blocking. Made by `SyncClient.prices`."""

    _prices: Prices
    #: Calls an async function in the client's thread, and waits.
    _call: Callable[..., Document]

    def upload(
        self,
        path: Path | str,
        *,
        symbol: str,
        resolution: str = "day",
        columns: Mapping[str, str] | None = None,
        replace: bool = False,
    ) -> Document:
        """Upload a price file; see `Prices.upload`."""
        return self._call(
            self._prices.upload,
            path,
            symbol=symbol,
            resolution=resolution,
            columns=columns,
            replace=replace,
        )

    def of_run(
        self,
        run_id: str,
        *,
        symbol: str | None = None,
        from_: Moment = None,
        to: Moment = None,
        max_points: int | None = None,
    ) -> Document:
        """Return the bars that a run trades on; see `Prices.of_run`."""
        return self._call(
            self._prices.of_run, run_id, symbol=symbol, from_=from_, to=to, max_points=max_points
        )

    def of_symbol(
        self,
        symbol: str,
        *,
        resolution: str | None = None,
        from_: Moment = None,
        to: Moment = None,
        max_points: int | None = None,
    ) -> Document:
        """Return the bars of a symbol; see `Prices.of_symbol`."""
        return self._call(
            self._prices.of_symbol,
            symbol,
            resolution=resolution,
            from_=from_,
            to=to,
            max_points=max_points,
        )

    def quality(
        self, symbol: str, *, resolution: str | None = None, calendar: str | None = None
    ) -> Document:
        """Have all rows of a dataset checked; see `Prices.quality`."""
        return self._call(self._prices.quality, symbol, resolution=resolution, calendar=calendar)
