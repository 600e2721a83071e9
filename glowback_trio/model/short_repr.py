"""One short line about an object, for its `repr`.

A `repr` is read in debuggers, logs and failing assertions. It has to be short however much the
object holds, so it gives counts and ends of what is long, never the contents.
"""

from __future__ import annotations

import reprlib
from collections.abc import Collection
from datetime import datetime

__all__ = ["clip", "counted", "describe", "listed", "shown"]

# Most characters of a description: what fits on two lines of a terminal.
_MOST = 180
_LISTED = 3

_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = 60
_brief.maxtuple = _brief.maxlist = _brief.maxdict = _LISTED


def clip(text: str, most: int = _MOST) -> str:
    """Return a text on one line of at most `most` characters; an ellipsis stands for the rest."""
    # Cut before it is split, because the text may have megabytes.
    line = " ".join(text[: 2 * most].split())
    return line if len(line) <= most and len(text) <= 2 * most else f"{line[: most - 1]}…"


def shown(value: object) -> str:
    """Return the `repr` of any value, abbreviated; one whose own `__repr__` raises gets another."""
    return clip(_brief.repr(value))


def counted(number: int, noun: str) -> str:
    """Write a number of things, such as `1 run` or `1,511 bars`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(words: Collection[str], most: int = _LISTED) -> str:
    """Write words as a list, such as `AAPL, SPY, IBM and 997 more`."""
    shown = ", ".join(clip(word, 40) for word, _ in zip(words, range(most), strict=False))
    more = len(words) - most
    return f"{shown} and {more:,} more" if more > 0 else shown


def describe(owner: object, *words: str, **facts: object) -> str:
    """Write `<Class words, name=fact>` on one short line.

    Args:
        owner: Its class gives the name.
        words: Facts that need no name.
        facts: Further facts; long ones are abbreviated.
    """
    named = (f"{name}={_written(fact)}" for name, fact in facts.items())
    return f"<{clip(' '.join([type(owner).__name__, ', '.join([*words, *named])]).strip())}>"


def _written(fact: object) -> str:
    if isinstance(fact, datetime):
        return fact.isoformat()
    # A fact that describes itself in a short line is not abbreviated once more.
    return clip(_brief.repr(fact), 80)
