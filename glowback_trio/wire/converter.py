"""The converter that reads decoded documents as values of the model.

It is strict on purpose: cattrs by default reads `"7"` as 7 and 1.9 as 1. Here a number has to be a
number, and an unknown field is a problem. The problems of all fields are collected, each with its
path. A rule between fields is checked if its fields are valid, even where other fields are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args, get_origin

import attrs
import cattrs

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
from glowback_trio.model.instant import Edge, end_instant, start_instant
from glowback_trio.model.lifecycle import State, Status
from glowback_trio.model.optimization.lifecycle import OptimizationState, OptimizationStatus
from glowback_trio.model.strategies.parameters import STRATEGIES, UNSUPPORTED, Strategy
from glowback_trio.model.strategies.registry import StrategyRegistry, with_aliases

__all__ = ["Converter", "Document", "make_converter"]

Document = dict[str, Any]
#: What `make_converter` makes.
Converter = cattrs.Converter

# A document may hold thousands of unknown fields, and looking for the nearest known one is slow.
_SUGGESTIONS = 5


def make_converter(registry: StrategyRegistry = STRATEGIES) -> Converter:
    """Make a converter for requests, statuses and everything they hold.

    Its `structure` raises `InvalidRequestError`, with every problem found. Make one per registry
    and keep it: its first use takes a few milliseconds, to work out how to read each type.

    Args:
        registry: The strategies that a document may name.
    """
    # With detailed validation cattrs would wrap problems, which have paths already, in groups.
    converter = Converter(detailed_validation=False)
    reader = _Reader(converter, with_aliases(registry))
    hook, hook_for = converter.register_structure_hook, converter.register_structure_hook_func
    for scalar in SCALARS:
        hook(scalar, _scalar)
    hook(State, _member)
    hook(OptimizationState, _member)
    hook(datetime, lambda value, _hint: start_instant(value))
    hook(Status, reader.fields)
    hook(OptimizationStatus, reader.fields)
    # Of hooks with a predicate, the one registered last is tried first.
    hook_for(lambda hint: hint is object, lambda value, _hint: value)  # its owner checks it
    hook_for(_has_origin(Literal), _literal)
    hook_for(_has_origin(tuple), reader.sequence)
    hook_for(_has_origin(Mapping), reader.mapping)
    hook_for(lambda hint: isinstance(hint, type) and issubclass(hint, Checked), reader.fields)
    hook_for(lambda hint: hint == Strategy, reader.strategy)
    converter.register_structure_hook_factory(_has_origin(Annotated), reader.bounded)
    return converter


def _has_origin(origin: object) -> Callable[[Any], bool]:
    return lambda hint: get_origin(hint) is origin


@attrs.frozen
class _Reader:
    """Hooks that read parts of their value by the converter they are registered with.

    Attributes:
        converter: Reads the parts.
        strategies: The strategies that may be named, by name and alias.
    """

    converter: Converter
    strategies: StrategyRegistry

    def bounded(self, hint: Any) -> Callable[[Any, Any], Any]:
        """Make the hook of an `Annotated` hint: read what it wraps, then check the bounds."""
        inner, *bounds = get_args(hint)
        trimmed = any(isinstance(bound, Trimmed) for bound in bounds)

        def structure(value: Any, _hint: Any) -> Any:
            structured = self.converter.structure(value, inner)
            if trimmed:
                structured = structured.strip()
            if problems := list(violations(structured, bounds)):
                raise InvalidRequestError(problems)
            return structured

        edges = [bound for bound in bounds if isinstance(bound, Edge)]
        return _moment(edges[0]) if edges else structure

    def sequence(self, value: Any, hint: Any) -> tuple[Any, ...]:
        """Read a list."""
        if not isinstance(value, list):
            raise _refuse("list_type", "Input should be a list", value)
        items: list[Any] = []
        problems: list[Problem] = []
        for index, item in enumerate(value):
            with _collecting(problems, index):
                items.append(self.converter.structure(item, get_args(hint)[0]))
        if problems:
            raise InvalidRequestError(problems)
        return tuple(items)

    def mapping(self, value: Any, hint: Any) -> Document:
        """Read an object with names of the client's choice."""
        items: Document = {}
        problems: list[Problem] = []
        for key, item in _object(value).items():
            with _collecting(problems, key):
                items[key] = self.converter.structure(item, get_args(hint)[1])
        if problems:
            raise InvalidRequestError(problems)
        return items

    def fields(self, document: Any, cls: type[Any]) -> Any:
        """Read an object field by field, so that every problem is found."""
        annotations = hints(cls)
        problems = list(_unknown(_object(document), annotations))
        values: Document = {}
        for field in attrs.fields(cls):
            if field.name in document:
                with _collecting(problems, field.name):
                    hint = annotations[field.name]
                    values[field.name] = self.converter.structure(document[field.name], hint)
            elif field.default is attrs.NOTHING:
                problems.append(Problem("missing", (field.name,), "Field required"))
            elif has_fixed_default(field):
                values[field.name] = field.default
        if issubclass(cls, Checked):
            problems += (_as_sent(each, document) for each in conflicts(cls, values))
        if problems:
            raise InvalidRequestError(problems)
        return cls(**values)

    def strategy(self, document: Any, _hint: Any) -> Strategy:
        """Read a strategy: its name says which class its parameters belong to."""
        if isinstance(document, str):
            raise self._strategy_as_text(document)
        problems = list(_unknown(_object(document), ("name", "params")))
        cls: type[Strategy] | None = None
        with _collecting(problems, "name"):
            cls = self._strategy_class(document.get("name", "buy_and_hold"))
        with _collecting(problems, "params"):
            params = _object(document.get("params", {}))
            strategy: Strategy | None = self.fields(params, cls) if cls else None
        if problems or strategy is None:
            raise InvalidRequestError(problems)
        return strategy

    def _strategy_as_text(self, text: str) -> InvalidRequestError:
        """Refuse a name where an object should be, and say what the object would be."""
        word = text.strip().lower()
        named, hint = word, ""
        if word not in self.strategies:
            named, hint = "ma_crossover", f"; {text!r}: {did_you_mean(word, self.strategies)}"
        message = f'Input should be an object, such as {{"name": "{named}"}}{hint}'
        return _refuse("dict_type", message, text)

    def _strategy_class(self, name: Any) -> type[Strategy]:
        name = _scalar(name, str).strip().lower()
        if name in UNSUPPORTED:
            raise _refuse("not_supported", UNSUPPORTED[name], name)
        if name not in self.strategies:
            message = f"Unknown strategy {name!r}; {did_you_mean(name, self.strategies)}"
            raise _refuse("enum", message, name)
        return self.strategies[name]


def _moment(edge: Edge) -> Callable[[Any, Any], datetime]:
    read = start_instant if edge.of_day == "start" else end_instant
    return lambda value, _hint: read(value)


def _scalar(value: Any, kind: type) -> Any:
    if not is_scalar(value, kind):
        raise _refuse(f"{kind.__name__}_type", f"Input should be {SCALARS[kind]}", value)
    return kind(value)


def _literal(value: Any, hint: Any) -> Any:
    choices = get_args(hint)
    if not isinstance(value, str) or value not in choices:
        raise _refuse("literal_error", f"Input should be {one_of(choices)}", value)
    return value


def _member(value: Any, states: type[StrEnum]) -> StrEnum:
    try:
        return states(value)
    except ValueError:
        choices = one_of(state.value for state in states)
        raise _refuse("enum", f"Input should be {choices}", value) from None


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


def _as_sent(problem: Problem, document: Document) -> Problem:
    """Return a problem with its value as the document has it, not as it was read."""
    match problem.path:
        case (str(name),) if name in document:
            return attrs.evolve(problem, value=document[name])
        case _:
            return problem


def _refuse(kind: str, message: str, value: object) -> InvalidRequestError:
    return InvalidRequestError([Problem(kind, (), message, value)])


@contextmanager
def _collecting(problems: list[Problem], step: str | int) -> Iterator[None]:
    """Add the problems that the block raises to a list, each under one more step of its path."""
    try:
        yield
    except InvalidRequestError as error:
        problems += [problem.under(step) for problem in error.problems]
