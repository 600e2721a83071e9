"""Check what a search is given, before the first round."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

__all__ = ["check_count", "check_seconds", "known_names", "refuse_async", "refuse_sync"]


def known_names(parameter: str, names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return the names without repetitions; raise `ValueError` where one is not known."""
    if isinstance(names, str):
        raise ValueError(f"{parameter} must be several names, as in {parameter}=({names!r},)")  # noqa: TRY004 - its value is wrong
    for each in names:
        if each not in known:
            raise ValueError(
                f"what stands in {parameter} must be one of {', '.join(known)}, and one is {each!r}"
            )
    return tuple(dict.fromkeys(names))


def check_count(parameter: str, value: object, *, least: int = 1) -> None:
    """Raise `ValueError` where a number of rounds, steps or deviations is none."""
    if not isinstance(value, int) or value < least:
        raise ValueError(f"{parameter} must be a whole number from {least}, and is {value!r}")


def check_seconds(parameter: str, value: object) -> None:
    """Raise `ValueError` where a length of time is none; it may be infinite."""
    if not isinstance(value, int | float) or not value > 0:  # which NaN is not either
        raise ValueError(f"{parameter} must be a number of seconds above 0, and is {value!r}")


def refuse_async(check: Callable[[], object] | None) -> None:
    """Raise `TypeError` where a check would have to be awaited, or cannot be called."""
    if inspect.iscoroutinefunction(check):
        raise TypeError(
            "check is async, but it is called after each round, when no trio loop runs: make it a "
            "plain function, and await what it needs at the end of the scenario"
        )
    if check is not None and not callable(check):
        raise TypeError(f"check must be a plain function without arguments, and is {check!r}")


def refuse_sync(scenario: object) -> None:
    """Raise `TypeError` where a scenario cannot be called without arguments.

    Whether what it gives can be awaited is seen in the first round.
    """
    if not callable(scenario):
        if inspect.iscoroutine(scenario):
            scenario.close()  # or Python warns that nobody has awaited it
        raise TypeError(
            f"scenario must be an async function without arguments, not called yet, as in "
            f"find(scenario), and is {scenario!r}"
        )
    try:
        signature = inspect.signature(scenario)
    except ValueError:
        return  # a function of C that does not say what it takes
    try:
        signature.bind()
    except TypeError as error:
        raise TypeError(f"scenario must be an async function without arguments: {error}") from None
