"""Backtest requests as documents."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

import attrs

from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.bounds import Checked
from glowback_trio.model.instant import stamp
from glowback_trio.model.request import SMALLEST_PACE, BacktestRequest
from glowback_trio.model.strategies.lost import LostStrategy, lost_strategy
from glowback_trio.model.strategies.parameters import STRATEGIES, BuyAndHold, Strategy
from glowback_trio.wire.converter import Converter, Document, make_converter

__all__ = [
    "field_names",
    "parse_kept_request",
    "parse_request",
    "plain_document",
    "plain_fields",
    "request_document",
]

# For readers that know no custom strategies, such as programs that only write requests.
_BUILT_IN = make_converter(STRATEGIES)
_PLAIN = frozenset((str, int, float, bool, type(None)))


def parse_request(document: object, converter: Converter = _BUILT_IN) -> BacktestRequest:
    """Read a backtest request from a decoded document.

    Args:
        document: What a client sent.
        converter: Made by `make_converter`, for the strategies that the document may name; left
            out, the built-in ones.

    Raises:
        InvalidRequestError: With every problem found.
    """
    return converter.structure(document, BacktestRequest)


def parse_kept_request(document: object, converter: Converter) -> BacktestRequest:
    """Read a request that a store kept; a strategy that is not known now is a `LostStrategy`.

    A run must not be lost because the program that reads it no longer has its strategy, or takes no
    pace as slow as its own: that is the slowest one then.

    Raises:
        InvalidRequestError: Something else in it cannot be read.
    """
    document = _with_pace(document)
    try:
        return parse_request(document, converter)
    except InvalidRequestError as error:
        if any(problem.path != ("strategy", "name") for problem in error.problems):
            raise
    assert isinstance(document, dict)
    strategy = document["strategy"]
    request = parse_request({**document, "strategy": {"name": BuyAndHold.name}}, converter)
    return attrs.evolve(request, strategy=lost_strategy(strategy["name"], strategy["params"]))


def _with_pace(document: object) -> object:
    match document:
        case {"stream": {"pace_bars_per_s": float(pace), **more}, **rest} if (
            0 < pace < SMALLEST_PACE
        ):
            return {**rest, "stream": {**more, "pace_bars_per_s": SMALLEST_PACE}}
    return document


def request_document(request: BacktestRequest) -> Document:
    """Write a request as a document that `parse_request` reads as an equal one."""
    document = plain_document(request)
    # Left out where it says nothing, so that the manifests of earlier versions stay as they are.
    if not request.warmup_bars:
        del document["warmup_bars"]
    return document


def plain_document(checked: Checked) -> Document:
    """Write any value that requests are made of as a document."""
    cls: Any = type(checked)
    return {name: _written(getattr(checked, name)) for name in field_names(cls)}


def plain_fields(checked: attrs.AttrsInstance) -> Document:
    """Write the fields of a value by name, as `attrs.asdict` does."""
    fields = {name: getattr(checked, name) for name in field_names(type(checked))}
    plain = all(type(value) in _PLAIN for value in fields.values())
    return fields if plain else attrs.asdict(checked)


@lru_cache(maxsize=256)
def field_names(cls: type[Any]) -> tuple[str, ...]:
    """Return the names of a class's fields, in order."""
    return tuple(each.name for each in attrs.fields(cls))


def _written(value: Any) -> Any:
    # Each result has a request in its manifest, and nearly every field of it is of one of these.
    if type(value) in _PLAIN:
        return value
    match value:
        case datetime():
            return stamp(value)
        case tuple() | list():
            return [_written(one) for one in value]
        case dict():
            return {key: _written(one) for key, one in value.items()}
        case LostStrategy(params=params):
            return {"name": value.name, "params": params}
        case Checked() if isinstance(value, Strategy):
            return {"name": value.name, "params": plain_fields(value)}
        case Checked():
            return plain_document(value)
        case _:
            return value
