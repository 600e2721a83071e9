"""Checks of a request that need no prices: limits, unknown symbols, missing extras."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

from attrs import frozen

from glowback_trio.errors import Problem
from glowback_trio.extras import CALENDARS
from glowback_trio.model.bounds import one_of
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.short_repr import listed
from glowback_trio.spelling import near_words

__all__ = [
    "MAX_BARS",
    "MAX_ROWS",
    "LoadLimits",
    "adjustment_problems",
    "calendar_problems",
    "unknown_symbol_problems",
]

# Six columns of 8 bytes: about a gigabyte of bars.
MAX_BARS = 20_000_000
MAX_ROWS = 2_000_000
_SUGGESTIONS = 3  # unknown symbols that get a suggestion, because comparing names is slow
_LISTED = 10  # known symbols that are named where none is similar


@frozen
class LoadLimits:
    """How much one request may load.

    Attributes:
        bars: The most symbol-bars, which bound the memory.
        rows: The most timestamps, which bound the size of the result.
    """

    bars: int
    rows: int

    def problems(self, total: int, longest: int) -> Iterator[Problem]:
        """Yield the limits exceeded by bars in total, and bars of the longest symbol."""
        amounts = (
            ("too_many_bars", "symbol-bars", total, self.bars),
            ("too_many_rows", "timestamps", longest, self.rows),
        )
        for kind, unit, amount, limit in amounts:
            if amount > limit:
                message = f"The request needs {amount:,} {unit}; the limit is {limit:,}"
                yield Problem(kind, (), message, amount)


def calendar_problems(request: BacktestRequest) -> Iterator[Problem]:
    """Yield a problem if the request names an exchange and the extra for it is missing."""
    if request.calendar is not None and not CALENDARS.is_installed:
        yield Problem("not_available", ("calendar",), CALENDARS.advice, request.calendar)


def adjustment_problems(request: BacktestRequest, what: str) -> Iterator[Problem]:
    """Yield a problem if a source without factors files should adjust its prices."""
    if request.adjustment != "none":
        message = f"{what} have no adjustment factors"
        yield Problem("not_available", ("adjustment",), message, request.adjustment)


def unknown_symbol_problems(
    unknown: Iterable[tuple[tuple[str | int, ...], str]],
    known: Collection[str],
    advice: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Problem]:
    """Yield a problem per unknown symbol, the first few with similar known symbols.

    Args:
        unknown: The symbols, each with its path in the request.
        known: All symbols of the source.
        advice: What to do about a symbol, where that is known.
    """
    for order, (path, symbol) in enumerate(unknown):
        if symbol in advice:
            hint = f"; {advice[symbol]}"
        else:
            hint = f"; {_hint(symbol, known)}" if order < _SUGGESTIONS else ""
        yield Problem("unknown_symbol", path, f"No prices for symbol {symbol!r}{hint}", symbol)


def _hint(symbol: str, known: Collection[str]) -> str:
    """Return half a sentence with similar known symbols, or with what there is."""
    if near := near_words(symbol, known):
        return f"did you mean {one_of(near)}?"
    return (
        f"there are prices for {listed(sorted(known), _LISTED)}"
        if known
        else "there are none at all"
    )
