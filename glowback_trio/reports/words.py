"""Values of requests in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from glowback_trio.reports.numbers import NOTHING

__all__ = ["pairs", "value_in_words"]

_LISTED = 12


def value_in_words(value: object) -> str:
    """Write a value of a request or a strategy's parameter; of a long list, the beginning."""
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case str():
            return value
        case Mapping():
            return pairs(value)
        case Sequence():
            shown = ", ".join(value_in_words(each) for each in value[:_LISTED])
            more = len(value) - _LISTED
            return f"{shown} and {more:,} more" if more > 0 else shown
        case _:
            return str(value)


def pairs(values: Mapping[str, object]) -> str:
    """Write parameters on one line, such as `short_period 10, long_period 30`."""
    return ", ".join(f"{name} {value_in_words(value)}" for name, value in values.items())
