"""Map symbols to names of files and back.

In a name, whatever is not a letter, a digit or one of `. ^ = _ -` is written as `%` and two hex
digits: the files of `BTC/USDT` begin with `BTC%2FUSDT`. No symbol contains `%`, so the map can be
reversed, and two symbols never share a name. A name contains no separator, whatever the symbol.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from glowback_trio.model.request import SYMBOL

__all__ = ["file_stem", "file_stems", "symbol_of_stem"]

_ESCAPED = re.compile(r"[^A-Za-z0-9.^=_-]")


def file_stem(symbol: str) -> str:
    """Return how the names of a symbol's files begin, where this package writes them."""
    return _ESCAPED.sub(lambda found: f"%{ord(found[0]):02X}", symbol)


def file_stems(symbol: str) -> Sequence[str]:
    """Return how the names of a symbol's files may begin: escaped, or as it is if that is no path.

    People name files by hand, and most file systems take `M&M.NS.csv`.
    """
    escaped = file_stem(symbol)
    return (escaped,) if escaped == symbol or "/" in symbol else (escaped, symbol)


def symbol_of_stem(stem: str) -> str | None:
    """Return the symbol whose files begin with a stem; None if there is no such symbol."""
    symbol = unquote(stem) if "%" in stem else stem
    is_symbol = re.fullmatch(SYMBOL, symbol) and stem in file_stems(symbol)
    return symbol if is_symbol else None
