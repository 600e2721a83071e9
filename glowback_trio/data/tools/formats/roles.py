"""The roles of columns, by the names that vendors give them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["FIELDS", "PRICES", "plain", "roles_of"]

PRICES = ("open", "high", "low", "close")
FIELDS = (*PRICES, "volume")

# In order of preference: of several columns for a role, the one whose name comes first is taken.
_NAMES: Mapping[str, Sequence[str]] = {
    "time": [
        "timestamp",
        "datetime",
        "date time",
        "date/time",
        "date_time",
        "open_time",
        "open time",
        "unix",
        "unix timestamp",
        "unix_timestamp",
        "unixtime",
        "window_start",
        "gmt time",
        "local time",
        "date",
        "day",
        "datum",
        "fecha",
        "data",
        "trade date",
        "trading date",
        "trade_date",
        "tradingday",
        "start",
        "begin",
        "time",
        "dt",
        "t",
        "unnamed: 0",
        "index",
        "__index_level_0__",
    ],
    "time of day": ["time", "zeit", "hour"],
    "open": [
        "open",
        "o",
        "open price",
        "opening price",
        "eröffnung",
        "eröffn.",
        "erster",
        "apertura",
        "ouverture",
    ],
    "high": [
        "high",
        "h",
        "high price",
        "max",
        "hoch",
        "tageshoch",
        "höchst",
        "máximo",
        "plus haut",
    ],
    "low": ["low", "l", "low price", "min", "tief", "tagestief", "tiefst", "mínimo", "plus bas"],
    "close": [
        "close",
        "c",
        "close/last",
        "close price",
        "closing price",
        "last",
        "last price",
        "price",
        "schluss",
        "schlusskurs",
        "zuletzt",
        "cierre",
        "último",
        "clôture",
        "dernier",
    ],
    "volume": [
        # Beside them German files call the money that changed hands `Volumen`.
        "stück",
        "stücke",
        "stuecke",
        "volumen (stück)",
        "volume",
        "vol",
        "vol.",
        "v",
        "volumen",
        "tickvol",
        "tick volume",
        "tick_volume",
        "total traded quantity",
    ],
    "symbol": ["ticker", "symbol", "sym", "tic"],
    "adjusted close": [
        "adj close",
        "adj_close",
        "adjclose",
        "adj. close",
        "adjusted close",
        "adjusted_close",
    ],
    "dividend": ["dividends", "dividend", "dividend_amount", "divcash"],
    "split": ["stock splits", "split_coefficient", "splitfactor", "split factor", "split ratio"],
}
_JUST_DATES = frozenset({"date", "datum", "day", "trade date", "trading date"})


def plain(name: str) -> str:
    """Return a column's name without case, brackets and counters: `1. Open (USD)` is `open`."""
    name = re.sub(r"\s+", " ", name.strip().strip("<>[]\"'").strip().lower())
    name = re.sub(r"^\d+[a-z]?\. ", "", name)
    return re.sub(r" \((usd|eur|gbp|utc|eet|est|cet|btc|usdt)\)$", "", name)


def roles_of(header: Sequence[str]) -> Mapping[str, Sequence[int]]:
    """Return the indices of the columns that may have each role, the best first.

    A column of dates without a time of day goes together with a column of times.
    """
    names = [plain(name) for name in header]
    found: dict[str, list[int]] = {}
    for role, known in _NAMES.items():
        places = [names.index(name) for name in known if name in names]
        if places:
            found[role] = places
    if "volume" not in found:
        # `Volume BTC` and `Volume USDT`: the first is counted in what is traded.
        named = [index for index, name in enumerate(names) if name.startswith("volume ")]
        found |= {"volume": named[:1]} if named else {}
    # pandas writes an index without a name first; row numbers of other programs stand there too.
    if "time" not in found and names[:1] == [""]:
        found["time"] = [0]
    has_date = "time" in found and names[found["time"][0]] in _JUST_DATES
    if not has_date or found.get("time of day") == found["time"]:
        found.pop("time of day", None)
    return found
