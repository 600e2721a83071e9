"""A trial's backtest: the base request with the chosen parameters put into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bounds import Checked, changed, did_you_mean, hints, holds
from glowback_trio.model.optimization.space import SearchSpace
from glowback_trio.model.request import BacktestRequest

__all__ = ["applied", "loading_request", "name_problems", "place_of"]

_PLACES = ("strategy", "execution", "portfolio_construction", "weights")


def applied(base: BacktestRequest, values: Mapping[str, object]) -> BacktestRequest:
    """Return the base request with these values put in.

    Args:
        base: The request.
        values: Values by the names of a search space's parameters, see `Parameter.name`.

    Raises:
        InvalidRequestError: They are not within the bounds of what they set, or do not go together.
            Paths begin at the request.
    """
    changes: dict[str, dict[str, Any]] = {}
    symbols: object = None
    for name, value in values.items():
        if name == "symbols":
            symbols = value
            continue
        place, key = place_of(name)
        changes.setdefault(place, {})[key] = value
    more: dict[str, Any] = {} if symbols is None else {"symbols": symbols}
    for place in ("strategy", "execution"):
        if place in changes:
            more[place] = _evolved(getattr(base, place), place, changes[place])
    if weights := changes.get("weights"):
        construction = base.portfolio_construction
        held = {} if construction is None else construction.target_weights
        changes.setdefault("portfolio_construction", {})["target_weights"] = {**held, **weights}
    if "portfolio_construction" in changes:
        place = "portfolio_construction"
        more[place] = _evolved(base.portfolio_construction, place, changes[place])
    return changed(base, more)


def place_of(name: str) -> tuple[str, str]:
    """Return the part of a request that a parameter's name means, and the field in it."""
    head, dot, rest = name.partition(".")
    return (head, rest) if dot and head in _PLACES else ("strategy", name)


def _evolved(owner: Any, place: str, changes: Mapping[str, Any]) -> Any:
    try:
        return changed(owner, {k: _fitting(owner, k, v) for k, v in changes.items()})
    except InvalidRequestError as error:
        steps = (place, "params") if place == "strategy" else (place,)
        problems = list(error.problems)
        for step in reversed(steps):
            problems = [each.under(step) for each in problems]
        raise InvalidRequestError(problems) from None


def _fitting(owner: Checked, name: str, value: Any) -> Any:
    """Return a whole float as an int where the field is one: a grid of ints may come as floats."""
    if not (isinstance(value, float) and value.is_integer()):
        return value
    hint = hints(type(owner)).get(name)
    return int(value) if holds(hint, int) and not holds(hint, float) else value


def loading_request(base: BacktestRequest, space: SearchSpace) -> BacktestRequest:
    """Return a request for the bars of every trial: the base with all symbols that may be chosen.

    The order of the symbols is that of the base, then that of the choices.
    """
    symbols = dict.fromkeys(base.symbols)
    for parameter in space.parameters:
        if parameter.name == "symbols":
            chosen = [text for value in parameter.values for text in _texts(value)]
            symbols = dict.fromkeys(chosen)
    if tuple(symbols) == base.symbols:
        return base
    # Weights of a symbol that no choice has would be refused.
    return attrs.evolve(base, symbols=tuple(symbols))


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case tuple():
            yield from value


def name_problems(base: BacktestRequest, space: SearchSpace) -> Iterator[Problem]:
    """Yield a problem for every parameter that names nothing in the base request.

    Paths begin at the search space.
    """
    for index, parameter in enumerate(space.parameters):
        if parameter.name == "symbols":
            if parameter.kind != "choice":
                message = "symbols can only be chosen: use the kind choice"
                yield Problem("value_error", ("parameters", index, "kind"), message, parameter.kind)
            continue
        place, key = place_of(parameter.name)
        if (refusal := _unknown(base, place, key)) is not None:
            path = ("parameters", index, "name")
            yield Problem("value_error", path, refusal, parameter.name)


def _unknown(base: BacktestRequest, place: str, key: str) -> str | None:
    if place in ("weights", "portfolio_construction") and base.portfolio_construction is None:
        return f"{place}.{key} needs base_backtest.portfolio_construction"
    if place == "weights":
        symbols = base.symbols
        return None if key in symbols else f"{key!r} is not one of the symbols of base_backtest"
    owner = getattr(base, place)
    known = [field.name for field in attrs.fields(type(owner))]
    if key in known:
        return None
    what = f"strategy {base.strategy.name!r}" if place == "strategy" else place
    if not known:
        return f"The {what} has no parameters"
    return f"The {what} has no parameter {key!r}; {did_you_mean(key, known)}"
