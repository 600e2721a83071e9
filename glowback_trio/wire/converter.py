"""The one converter between wire documents and the model.

Strict on purpose: cattrs by default reads `"7"` as 7 and 1.9 as 1. Here a number is a number and an
unknown field is a complaint. All complaints of a document are collected, each with its path, and
fields that could be read are still compared with each other when others could not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Annotated, Any, Literal, get_args, get_origin

import attrs
import cattrs
import orjson

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bounds import (
    SCALARS,
    Checked,
    Trimmed,
    conflicts,
    did_you_mean,
    has_fixed_default,
    hints,
    is_scalar,
    one_of,
    violations,
)
from glowback_trio.model.instant import Edge, end_instant, stamp, start_instant
from glowback_trio.model.lifecycle import State, Status
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.parameters import STRATEGIES, UNSUPPORTED, Strategy
from glowback_trio.model.strategies.registry import StrategyRegistry, with_aliases

__all__ = [
    "parse_json",
    "parse_request",
    "parse_status",
    "request_document",
    "status_document",
]

Document = dict[str, Any]

# Fields for which the nearest known one is looked for; a document may hold thousands.
_SUGGESTIONS = 5


def parse_json(text: bytes) -> Any:
    """Decode JSON, strictly: UTF-8, no NaN or infinity, no number too large for a double.

    Raises:
        InvalidRequestError: It is not JSON; the path is the offset of the first bad byte.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        problem = Problem("json_invalid", (error.pos,), f"JSON decode error: {error.msg}")
        raise InvalidRequestError([problem]) from None


def parse_request(document: object, registry: StrategyRegistry = STRATEGIES) -> BacktestRequest:
    """Read a backtest request from a decoded document.

    Args:
        document: It.
        registry: The strategies that it may name.

    Raises:
        InvalidRequestError: With every problem found.
    """
    before = _nameable.set(with_aliases(registry))
    try:
        return _converter.structure(document, BacktestRequest)
    finally:
        _nameable.reset(before)


def request_document(request: BacktestRequest) -> Document:
    """Write a request as the wire has it: `parse_request` gives an equal one back."""
    return attrs.asdict(request, value_serializer=_serialize)


def status_document(status: Status) -> Document:
    """Write a status as the wire has it."""
    return {
        "run_id": status.run_id,
        "state": status.state.value,
        "progress": status.progress,
        "created_at": stamp(status.created_at),
        "started_at": status.started_at and stamp(status.started_at),
        "finished_at": status.finished_at and stamp(status.finished_at),
        "error": status.error,
        "strategy": status.strategy,
        "symbols": list(status.symbols),
        "event_count": status.event_count,
        "paused": status.paused,
    }


def parse_status(document: object) -> Status:
    """Read a status as `status_document` writes it; fields that are not known are left aside.

    Raises:
        InvalidRequestError: With every problem found.
    """
    known = {field.name for field in attrs.fields(Status)}
    fields = {name: value for name, value in _object(document).items() if name in known}
    status: Status = _checked(fields, Status)
    return status


def _serialize(_owner: type, _field: attrs.Attribute[Any], value: Any) -> Any:
    match value:
        case datetime():
            return stamp(value)
        case tuple():
            return list(value)
        case Checked() if isinstance(value, Strategy):
            return {"name": value.name, "params": attrs.asdict(value)}
        case _:
            return value


def _refuse(kind: str, message: str, value: object, *path: str | int) -> InvalidRequestError:
    return InvalidRequestError([Problem(kind, path, message, value)])


@contextmanager
def _collecting(problems: list[Problem], step: str | int) -> Iterator[None]:
    try:
        yield
    except InvalidRequestError as error:
        problems += [problem.under(step) for problem in error.problems]


def _scalar(value: Any, kind: type) -> Any:
    if not is_scalar(value, kind):
        raise _refuse(f"{kind.__name__}_type", f"Input should be {SCALARS[kind]}", value)
    return kind(value)


def _literal(value: Any, hint: Any) -> Any:
    choices = get_args(hint)
    if not isinstance(value, str) or value not in choices:
        raise _refuse("literal_error", f"Input should be {one_of(choices)}", value)
    return value


def _bounded(hint: Any) -> Callable[[Any, Any], Any]:
    """Structure what `Annotated` wraps, then hold it against its bounds."""
    inner, *bounds = get_args(hint)
    trimmed = any(isinstance(bound, Trimmed) for bound in bounds)

    def structure(value: Any, _hint: Any) -> Any:
        structured = _converter.structure(value, inner)
        if trimmed:
            structured = structured.strip()
        if problems := list(violations(structured, bounds)):
            raise InvalidRequestError(problems)
        return structured

    edges = [bound for bound in bounds if isinstance(bound, Edge)]
    return _moment(edges[0]) if edges else structure


def _moment(edge: Edge) -> Callable[[Any, Any], datetime]:
    read = start_instant if edge.of_day == "start" else end_instant
    return lambda value, _hint: read(value)


def _state(value: Any, _hint: Any) -> State:
    try:
        return State(value)
    except ValueError:
        choices = one_of(state.value for state in State)
        raise _refuse("enum", f"Input should be {choices}", value) from None


def _sequence(value: Any, hint: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _refuse("list_type", "Input should be a list", value)
    items: list[Any] = []
    problems: list[Problem] = []
    for index, item in enumerate(value):
        with _collecting(problems, index):
            items.append(_converter.structure(item, get_args(hint)[0]))
    if problems:
        raise InvalidRequestError(problems)
    return tuple(items)


def _mapping(value: Any, hint: Any) -> Document:
    items: Document = {}
    problems: list[Problem] = []
    for key, item in _object(value).items():
        with _collecting(problems, key):
            items[key] = _converter.structure(item, get_args(hint)[1])
    if problems:
        raise InvalidRequestError(problems)
    return items


def _object(value: Any) -> Document:
    if not isinstance(value, dict):
        raise _refuse("dict_type", "Input should be an object", value)
    return value


def _unknown(document: Document, known: Iterable[str]) -> Iterator[Problem]:
    known = frozenset(known)
    unknown = [name for name in document if name not in known]
    for order, name in enumerate(unknown):
        advice = f"; {did_you_mean(name, known)}" if order < _SUGGESTIONS else ""
        yield Problem("extra_forbidden", (name,), f"Unknown field {name!r}{advice}", document[name])


def _checked(document: Any, cls: type[Any]) -> Any:
    """Structure a document field by field, so that every complaint is found."""
    annotations = hints(cls)
    problems = list(_unknown(_object(document), annotations))
    values: Document = {}
    for field in attrs.fields(cls):
        if field.name in document:
            with _collecting(problems, field.name):
                values[field.name] = _converter.structure(
                    document[field.name], annotations[field.name]
                )
        elif field.default is attrs.NOTHING:
            problems.append(Problem("missing", (field.name,), "Field required"))
        elif has_fixed_default(field):
            values[field.name] = field.default
    if issubclass(cls, Checked):
        problems += conflicts(cls, values)
    if problems:
        raise InvalidRequestError(problems)
    return cls(**values)


# Set for the length of one reading: the converter gives its hooks nothing but value and type.
_nameable: ContextVar[StrategyRegistry] = ContextVar("nameable")


def _strategy(document: Any, _hint: Any) -> Strategy:
    problems = list(_unknown(_object(document), ("name", "params")))
    cls: type[Strategy] | None = None
    with _collecting(problems, "name"):
        cls = _strategy_class(document.get("name", "buy_and_hold"))
    with _collecting(problems, "params"):
        params = _object(document.get("params", {}))
        strategy: Strategy | None = _checked(params, cls) if cls else None
    if problems or strategy is None:
        raise InvalidRequestError(problems)
    return strategy


def _strategy_class(name: Any) -> type[Strategy]:
    name = _scalar(name, str).strip().lower()
    if name in UNSUPPORTED:
        raise _refuse("not_supported", UNSUPPORTED[name], name)
    nameable = _nameable.get()
    if name not in nameable:
        message = f"Unknown strategy {name!r}; {did_you_mean(name, nameable)}"
        raise _refuse("enum", message, name)
    return nameable[name]


def _has_origin(origin: object) -> Callable[[Any], bool]:
    return lambda hint: get_origin(hint) is origin


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False)
    for scalar in SCALARS:
        converter.register_structure_hook(scalar, _scalar)
    converter.register_structure_hook(State, _state)
    converter.register_structure_hook(datetime, lambda value, _hint: start_instant(value))
    converter.register_structure_hook_func(_has_origin(Literal), _literal)
    converter.register_structure_hook_func(_has_origin(tuple), _sequence)
    converter.register_structure_hook_func(_has_origin(Mapping), _mapping)
    converter.register_structure_hook_func(
        lambda t: isinstance(t, type) and issubclass(t, Checked), _checked
    )
    converter.register_structure_hook_func(lambda t: t == Strategy, _strategy)
    converter.register_structure_hook_factory(_has_origin(Annotated), _bounded)
    return converter


_converter = _make_converter()
