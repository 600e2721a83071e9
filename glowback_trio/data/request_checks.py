"""What speaks against a request before any bar is read: unknown symbols, too much work."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator

from attrs import frozen

from glowback_trio.errors import Problem
from glowback_trio.extras import CALENDARS
from glowback_trio.model.bounds import one_of
from glowback_trio.model.request import BacktestRequest

__all__ = [
    "MAX_BARS",
    "MAX_ROWS",
    "LoadLimits",
    "adjustment_problems",
    "calendar_problems",
    "unknown_symbol_problems",
]

MAX_BARS = 20_000_000
MAX_ROWS = 2_000_000
_SUGGESTIONS = 5  # only so many unknown symbols get one: comparing names is slow


@frozen
class LoadLimits:
    """How much one request may ask for.

    Attributes:
        bars: Symbol-bars.
        rows: Timestamps.
    """

    bars: int
    rows: int

    def problems(self, total: int, longest: int) -> Iterator[Problem]:
        """Say which limit so many bars in total, and in the longest symbol, go beyond."""
        asked = (
            ("too_many_bars", "symbol-bars", total, self.bars),
            ("too_many_rows", "timestamps", longest, self.rows),
        )
        for kind, unit, amount, limit in asked:
            if amount > limit:
                message = f"The request needs {amount:,} {unit}; the limit is {limit:,}"
                yield Problem(kind, (), message, amount)


def calendar_problems(request: BacktestRequest) -> Iterator[Problem]:
    """Say what is to be installed where a request names an exchange's calendar."""
    if request.calendar is not None and not CALENDARS.is_installed:
        yield Problem("not_available", ("calendar",), CALENDARS.advice, request.calendar)


def adjustment_problems(request: BacktestRequest, what: str) -> Iterator[Problem]:
    """Say that a source without files has no factors, where prices should be adjusted by some."""
    if request.adjustment != "none":
        message = f"{what} have no adjustment factors"
        yield Problem("not_available", ("adjustment",), message, request.adjustment)


def unknown_symbol_problems(
    unknown: Iterable[tuple[tuple[str | int, ...], str]], known: Collection[str]
) -> Iterator[Problem]:
    """Name symbols that are not known, the first few with the nearest ones that are.

    Args:
        unknown: The symbols, each with its place in the request.
        known: The symbols there are.
    """
    for order, (place, symbol) in enumerate(unknown):
        near = _nearest(symbol, known) if order < _SUGGESTIONS else []
        hint = f"; did you mean {one_of(near)}?" if near else ""
        yield Problem("unknown_symbol", place, f"No prices for symbol {symbol!r}{hint}", symbol)


def _nearest(symbol: str, known: Collection[str]) -> list[str]:
    """Known symbols that this one may be meant to be; the case of letters counts for little."""
    spelled = {name.upper(): name for name in known}
    return [spelled[near] for near in difflib.get_close_matches(symbol.upper(), spelled)]
