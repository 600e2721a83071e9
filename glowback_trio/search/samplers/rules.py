"""Combinations of parameters that may be tried: constraints, and what the strategy refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from glowback_trio.errors import Problem
from glowback_trio.model.bounds import Checked, changed, is_plain, takes
from glowback_trio.model.optimization.overlay import place_of
from glowback_trio.model.optimization.space import Comparison, SearchSpace
from glowback_trio.model.request import BacktestRequest

__all__ = ["Rule", "rules_of"]

Values = Mapping[str, object]


@frozen
class Rule:
    """One rule on a combination.

    Attributes:
        names: The parameters that it needs.
        holds: Returns whether their values meet it.
        reason: What it says, as text.
    """

    names: frozenset[str]
    holds: Callable[[Values], bool] = field(repr=False)
    reason: str


def rules_of(space: SearchSpace, base: BacktestRequest) -> Sequence[Rule]:
    """Return all rules on combinations: those of the request, then those of what they set."""
    compared = [
        Rule(frozenset(each.names), each.holds, text)
        for text, each in ((text, Comparison.read(text)) for text in space.constraints)
    ]
    names = [each.name for each in space.parameters]
    return [*compared, *_refusals(base, names)]


def _refusals(base: BacktestRequest, names: Sequence[str]) -> Iterator[Rule]:
    """Yield a rule for each check of the parts of a request that needs a searched parameter."""
    for place in ("strategy", "execution", "portfolio_construction"):
        owner: Checked | None = getattr(base, place)
        if owner is None:
            continue
        fields = {name: _field(name, place) for name in names}
        yield from _checks(owner, {name: key for name, key in fields.items() if key})
    if "symbols" in names:
        yield from _checks(base, {"symbols": "symbols"})


def _field(name: str, place: str) -> str:
    """Return the field of a part of a request that a parameter sets; empty if it sets none."""
    if name == "symbols":
        return ""
    owner, key = place_of(name)
    if owner == "weights":
        owner, key = "portfolio_construction", f"target_weights.{key}"
    return key if owner == place else ""


def _checks(owner: Checked, fields: Mapping[str, str]) -> Iterator[Rule]:
    cls: Any = type(owner)
    if fields and not is_plain(cls):
        # A custom strategy that checks itself in a way of its own.
        yield Rule(frozenset(fields), _accepted(owner, fields), _reason(owner, fields))
        return
    for check in cls.__checks__:
        needed = takes(check)
        used = {name: key for name, key in fields.items() if key.partition(".")[0] in needed}
        if used:
            yield Rule(frozenset(used), _holds(owner, check, used), _reason(owner, used))


def _accepted(owner: Checked, used: Mapping[str, str]) -> Callable[[Values], bool]:
    def holds(values: Values) -> bool:
        try:
            changed(owner, {key: values[name] for name, key in used.items()})
        except ValueError:
            return False
        except Exception:  # noqa: BLE001 - the trial fails by it, and says so
            return True
        return True

    return holds


def _holds(
    owner: Checked, check: Callable[..., Iterator[Problem]], used: Mapping[str, str]
) -> Callable[[Values], bool]:
    base: dict[str, Any] = {name: getattr(owner, name) for name in takes(check)}

    def holds(values: Values) -> bool:
        given = dict(base)
        for name, key in used.items():
            place, dot, entry = key.partition(".")
            given[place] = {**given[place], entry: values[name]} if dot else values[name]
        if isinstance(given.get("symbols"), str):
            given["symbols"] = (given["symbols"],)
        try:
            return next(iter(check(**given)), None) is None
        except Exception:  # noqa: BLE001 - a custom check; the trial fails by it, and says so
            return True

    return holds


def _reason(owner: Checked, used: Mapping[str, str]) -> str:
    what = getattr(owner, "name", "") or "the request"
    return f"{what} refuses such a combination of {', '.join(used)}"
