"""A dataset as a path names it: its symbol, and the request that loads all of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import unquote

import trio

from glowback_trio.data import Listing
from glowback_trio.model.instant import FIRST_YEAR, LAST_YEAR
from glowback_trio.model.request import SYMBOL_RULE, BacktestRequest, Resolution
from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.state.app_state import AppState

__all__ = ["dataset_request", "symbol_of"]

# Of generated prices: as many bars as a chart shows well.
_GENERATED = {
    "day": timedelta(days=365),
    "hour": timedelta(days=30),
    "minute": timedelta(days=1),
    "second": timedelta(minutes=30),
}
_ANY = "*"


def symbol_of(text: str) -> str:
    """Return the symbol in a path, where a slash of it is escaped once more.

    Raises:
        HttpError: 404: it is none.
    """
    symbol = unquote(text)
    if not re.fullmatch(SYMBOL_RULE.regex, symbol):
        raise HttpError(404, f"Not Found: {symbol!r:.100} is not {SYMBOL_RULE.meaning}")
    return symbol


async def dataset_request(
    app_state: AppState,
    symbol: str,
    resolution: Resolution | None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> BacktestRequest:
    """Return a request that loads the bars of a dataset: all of them, if there is an end to them.

    Args:
        app_state: The state of the app.
        symbol: The symbol.
        resolution: The length of a bar; None: that of the symbol's first dataset.
        start: Where generated prices begin.
        end: Where generated prices end; None: now.

    Raises:
        HttpError: 404: there is no such dataset.
    """
    source = app_state.gateway.source
    # In a thread: the first listing of a data directory reads every file.
    listed = await trio.to_thread.run_sync(source.datasets, limiter=app_state.listers)
    own = [each for each in listed if each.symbol == symbol]
    listing = _wanted(own, resolution)
    # Beside real prices, generated ones would be taken for those.
    if all(each.symbol == _ANY for each in listed):
        listing = _wanted(listed, resolution or "day")
    if listing is None:
        raise HttpError(404, f"Not Found: {_missing(symbol, resolution, own)}")
    length: Resolution = listing.resolution or resolution or "day"
    if listing.symbol != _ANY:
        return BacktestRequest(
            symbols=[symbol],
            start_date=f"{FIRST_YEAR}-01-01",
            end_date=f"{LAST_YEAR}-12-31",
            resolution=length,
        )
    until = end or app_state.clock()
    since = start or until - _GENERATED[length]
    return BacktestRequest(
        symbols=[symbol],
        start_date=since,
        end_date=max(until, since + timedelta(seconds=1)),
        resolution=length,
        data_source="sample",
    )


def _wanted(listed: Sequence[Listing], resolution: Resolution | None) -> Listing | None:
    # A file with too few rows to tell is one of any resolution.
    fitting = [each for each in listed if resolution in (None, each.resolution or resolution)]
    return fitting[0] if fitting else None


def _missing(symbol: str, resolution: Resolution | None, own: Sequence[Listing]) -> str:
    if not own:
        return f"there are no prices of {symbol!r}; GET /datasets lists those there are"
    known = ", ".join(sorted({str(each.resolution) for each in own}))
    return f"{symbol!r} has no bars of resolution {resolution!r}; known: {known}"
