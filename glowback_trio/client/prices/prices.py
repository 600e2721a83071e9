"""The prices of a server: the bars of runs and datasets, and how good they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from attrs import frozen

from glowback_trio.client.http_api import HttpApi, Moment, given
from glowback_trio.client.prices.uploads import upload_prices
from glowback_trio.client.responses import object_of
from glowback_trio.client.subjects import run_subject

__all__ = ["Prices"]


@frozen(eq=False, repr=False)
class Prices:
    """Reads the bars and the quality of a server's prices, and uploads some. Made by its client.

    Bars come as a document with `columns` and `rows`; `bars` counts those in the window, and each
    row merges `per_row` of them.
    """

    _api: HttpApi

    async def upload(
        self,
        path: Path | str,
        *,
        symbol: str,
        resolution: str = "day",
        columns: Mapping[str, str] | None = None,
        replace: bool = False,
    ) -> Mapping[str, Any]:
        """Upload a price file; return the `dataset` that it is now, and the `report` about it.

        Args:
            path: The file, CSV or Parquet.
            symbol: The symbol of all its rows.
            resolution: The length of a bar.
            columns: Names of its columns, such as `{"close": "Last"}`, that are not recognised.
            replace: Whether to replace what the server has of this symbol and resolution.

        Raises:
            InvalidRequestError: The prices cannot be used, with each reason; or there is no file.
            ServerRefusedError: Uploads are off, it is too large, or there are such prices.
        """
        return await upload_prices(
            self._api, path, symbol, resolution=resolution, columns=columns, replace=replace
        )

    async def of_run(
        self,
        run_id: str,
        *,
        symbol: str | None = None,
        from_: Moment = None,
        to: Moment = None,
        max_points: int | None = None,
    ) -> Mapping[str, Any]:
        """Return the bars that a run trades on, or those of its benchmark.

        Args:
            run_id: The run.
            symbol: One of its symbols; may be left out where it has one.
            from_: Only bars at this time or later; without an offset, UTC.
            to: Only bars at this time or earlier; a date means its last instant.
            max_points: Merge the bars into at most this many rows; None: the server's 2000.

        Raises:
            InvalidRequestError: The run has no such symbol, or the window is none.
            UnknownRunError: There is no such run.
            ServerRefusedError: Its bars cannot be read now.
        """
        query = given(symbol=symbol, from_=from_, to=to, max_points=max_points)
        subject = run_subject(run_id)
        return object_of(await self._api.request_about(subject, "GET", "/bars", params=query))

    async def of_symbol(
        self,
        symbol: str,
        *,
        resolution: str | None = None,
        from_: Moment = None,
        to: Moment = None,
        max_points: int | None = None,
    ) -> Mapping[str, Any]:
        """Return the bars of a symbol that the server has prices of.

        Args:
            symbol: The symbol.
            resolution: Length of a bar; None: that of the symbol's first dataset.
            from_: As for `of_run`.
            to: As for `of_run`.
            max_points: As for `of_run`.

        Raises:
            InvalidRequestError: The window is none, or there is no such resolution.
            ServerRefusedError: There is no such symbol, or its bars cannot be read now.
        """
        query = given(resolution=resolution, from_=from_, to=to, max_points=max_points)
        return object_of(await self._api.request("GET", _path(symbol, "bars"), params=query))

    async def quality(
        self, symbol: str, *, resolution: str | None = None, calendar: str | None = None
    ) -> Mapping[str, Any]:
        """Have all rows of a dataset checked, and return what was found.

        Args:
            symbol: The symbol.
            resolution: Length of a bar; None: that of the symbol's first dataset.
            calendar: The exchange on whose trading days there should be bars, such as `XNYS`; None:
                the days are inferred from the bars.

        Raises:
            InvalidRequestError: There is no such resolution or calendar.
            ServerRefusedError: There is no such symbol.
        """
        query = given(resolution=resolution, calendar=calendar)
        return object_of(await self._api.request("GET", _path(symbol, "quality"), params=query))


def _path(symbol: str, resource: str) -> str:
    # Twice: a server decodes a path before it finds the route, and a slash would be another one.
    return f"/datasets/{quote(quote(symbol, safe=''), safe='')}/{resource}"
