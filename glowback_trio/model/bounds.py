"""Bounds of fields, declared once in the annotation and checked wherever a value is made.

A field says `Annotated[int, Ge(1)]`. The same annotation checks a value that is built in Python
(`Checked`), checks a document (`wire.converter`, which collects all problems), and describes the
field in the OpenAPI schema.
"""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin

import attrs
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.short_repr import describe
from glowback_trio.spelling import near_words

__all__ = [
    "SCALARS",
    "Checked",
    "Ge",
    "Gt",
    "Le",
    "Lt",
    "MaxLen",
    "MinLen",
    "Pattern",
    "Trimmed",
    "changed",
    "check_type",
    "collected",
    "conflicts",
    "describe_changes",
    "did_you_mean",
    "has_fixed_default",
    "hints",
    "holds",
    "is_plain",
    "is_scalar",
    "one_of",
    "takes",
    "value_problems",
    "violations",
]

_T = TypeVar("_T", bound="Checked")

SCALARS: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
}


@attrs.frozen
class Pattern:
    """A bound: a regular expression that the whole text must match.

    Attributes:
        regex: The expression.
        meaning: What it means, in words.
        advice: Returns half a sentence on what to write instead of a text that does not match.
    """

    regex: str
    meaning: str
    advice: Callable[[str], str] = lambda _text: ""


@attrs.frozen
class Trimmed:
    """A bound that always holds: white space around the text is cut off before the others."""


def is_scalar(value: object, kind: type) -> bool:
    """Return whether a value is of a scalar type, strictly: bools are no numbers."""
    if kind is float:
        return type(value) in (float, int)
    return type(value) is kind


def violations(value: Any, bounds: Iterable[object]) -> Iterator[Problem]:
    """Yield a problem for each bound that a value breaks; paths are left to the caller."""
    # First of all, because NaN breaks no bound: every comparison with it is false.
    if isinstance(value, float) and not math.isfinite(value):
        yield Problem("finite_number", (), "Input should be a finite number", value)
        return
    for bound in bounds:
        if (complaint := _broken(value, bound)) is not None:
            kind, message = complaint
            yield Problem(kind, (), message, value)


def _broken(value: Any, bound: object) -> tuple[str, str] | None:
    """Return kind and sentence of the problem if the value breaks the bound."""
    match bound:
        case Ge(ge=limit) if value < limit:
            return "greater_than_equal", f"Input should be greater than or equal to {limit}"
        case Gt(gt=limit) if value <= limit:
            return "greater_than", f"Input should be greater than {limit}"
        case Le(le=limit) if value > limit:
            return "less_than_equal", f"Input should be less than or equal to {limit}"
        case Lt(lt=limit) if value >= limit:
            return "less_than", f"Input should be less than {limit}"
        case MinLen(min_length=limit) if len(value) < limit:
            return "too_short", f"Input should have at least {limit} {_items(value, limit)}"
        case MaxLen(max_length=limit) if len(value) > limit:
            return "too_long", f"Input should have at most {limit} {_items(value, limit)}"
        case Pattern(regex=regex) if not re.fullmatch(regex, value):
            message = f"Input should be {bound.meaning}{bound.advice(value)}"
            return "string_pattern_mismatch", message
        case _:
            return None


def _items(value: object, count: int) -> str:
    noun = "character" if isinstance(value, str) else "item"
    return noun if count == 1 else f"{noun}s"


def one_of(choices: Iterable[object]) -> str:
    """Write a choice as text: `'a', 'b' or 'c'`."""
    *most, last = [repr(choice) for choice in choices]
    return f"{', '.join(most)} or {last}" if most else last


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return half a sentence with the nearest known words, or with all of them if none is near."""
    known = sorted(known)
    near = near_words(word, known)
    return f"did you mean {one_of(near)}?" if near else f"known: {', '.join(known)}"


@attrs.frozen
class Unread:
    """A value that a field's converter could not read, until the checks report it with the others.

    Attributes:
        value: The value.
        problems: Why it could not be read; their paths lead on from the field.
    """

    value: Any
    problems: tuple[Problem, ...]


def collected(read: Callable[[Any], Any], value: Any) -> Any:
    """Read a field's value in its converter, and keep for the checks what that raises.

    A converter runs before the checks: an error in it would hide the problems of other fields.

    Args:
        read: Returns the value that the field holds, or raises `InvalidRequestError`.
        value: What was given for the field.
    """
    try:
        return read(value)
    except InvalidRequestError as error:
        return Unread(value, error.problems)


class Checked:
    """Base of frozen values whose fields are within their bounds and agree with each other.

    `__checks__` holds functions that yield the problems of a combination of fields. Their
    parameters are named after the fields they need, so they can also be run over a document of
    which only some fields could be read.

    Raises:
        InvalidRequestError: At construction, with the problems of all fields, or, where there are
            none, of the rules between fields.
    """

    # Without slots here, instances of slotted subclasses would have a dict after all.
    __slots__ = ()
    __checks__: ClassVar[tuple[Callable[..., Iterator[Problem]], ...]] = ()

    def __attrs_post_init__(self) -> None:
        annotations = hints(type(self))
        values = {name: getattr(self, name) for name in annotations}
        complaints = {name: _complaints(values[name], hint) for name, hint in annotations.items()}
        # Checks of combinations may rely on the fields that they take being fine by themselves.
        fine = {name: values[name] for name, found in complaints.items() if not found}
        problems = [each.under(name) for name, found in complaints.items() for each in found]
        if problems := [*problems, *conflicts(type(self), fine)]:
            raise InvalidRequestError(problems)
        for name, hint in annotations.items():
            if type(values[name]) is int and holds(hint, float):
                # Equal values should be written alike, and JSON distinguishes 5 from 5.0.
                object.__setattr__(self, name, float(values[name]))


def changed(checked: _T, changes: Mapping[str, Any]) -> _T:
    """Return a copy of a value with some fields changed, as `attrs.evolve` does, but faster.

    The value itself is sound, so only the changed fields are checked, and the rules that take one
    of them.

    Args:
        checked: The value.
        changes: What the fields should be, by their names.

    Raises:
        InvalidRequestError: As the construction of the changed value.
    """
    cls: Any = type(checked)
    by_name = _fields(cls)
    if not (changes.keys() <= by_name.keys() and is_plain(cls)):
        evolved: _T = attrs.evolve(checked, **changes)  # type: ignore[misc]  # each one is of attrs
        return evolved
    copy: _T = cls.__new__(cls)
    values = {name: getattr(checked, name) for name in by_name}
    for name, given in changes.items():
        convert: Any = by_name[name].converter
        values[name] = convert(given) if convert is not None else given
    _check_changes(checked, values, changes)
    floats = _float_fields(cls)
    for name in changes:
        if type(values[name]) is int and name in floats:
            values[name] = float(values[name])
    assign = object.__setattr__
    for name, value in values.items():
        assign(copy, name, value)
    return copy


def _check_changes(checked: Any, values: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    cls: Any = type(checked)
    fields = _fields(cls)
    problems, bad = list[Problem](), set[str]()
    ranges = _ranges(cls)
    for name in filter(changes.__contains__, fields):
        if name in ranges and ranges[name].surely_has(values[name]):
            continue
        # What is checked itself, and of the class of the value before it, is what it should be.
        if not _is_alike(getattr(checked, name), values[name]):
            found = _complaints(values[name], fields[name].type)
            problems += [each.under(name) for each in found]
            bad |= {name} if found else set()
    for check in cls.__checks__:
        names = takes(check)
        if not names.isdisjoint(changes) and names.isdisjoint(bad):
            problems += check(**{name: values[name] for name in names})
    if problems:
        raise InvalidRequestError(problems)


@lru_cache(maxsize=256)
def _float_fields(cls: Any) -> frozenset[str]:
    return frozenset(name for name, each in _fields(cls).items() if holds(each.type, float))


@attrs.frozen
class _Range:
    """The numbers that a field may hold, both ends included, so that most are seen to be fine."""

    kind: type[Any]
    least: float
    most: float

    def surely_has(self, value: Any) -> bool:
        """Return True for a number of the very kind within the range; never for NaN."""
        return type(value) is self.kind and self.least <= value <= self.most


@lru_cache(maxsize=256)
def _ranges(cls: Any) -> Mapping[str, _Range]:
    """Return the ranges of fields that are bounded numbers by name."""
    found = {name: _range(each.type) for name, each in _fields(cls).items()}
    return {name: each for name, each in found.items() if each is not None}


def _range(hint: Any) -> _Range | None:
    kind, *_ = get_args(hint) if get_origin(hint) is Annotated else (None,)
    if kind not in (int, float):
        return None
    least, most = -sys.float_info.max, sys.float_info.max
    bounds: dict[type, Any] = {type(bound): bound for bound in hint.__metadata__}
    if Ge in bounds:
        least = bounds[Ge].ge
    if Gt in bounds:
        least = max(least, math.nextafter(bounds[Gt].gt, math.inf))
    if Le in bounds:
        most = bounds[Le].le
    return None if bounds.keys() - {Ge, Gt, Le} else _Range(kind, least, most)


def _is_alike(before: object, after: object) -> bool:
    return isinstance(after, Checked) and type(after) is type(before)


@lru_cache(maxsize=256)
def is_plain(cls: Any) -> bool:
    """Return whether a value is its fields, and is checked by nothing but `Checked`."""
    fields = _fields(cls).values()
    by_checked = cls.__attrs_post_init__ is Checked.__attrs_post_init__
    return by_checked and all(each.init and each.validator is None for each in fields)


@lru_cache(maxsize=256)
def _fields(cls: Any) -> Mapping[str, attrs.Attribute[Any]]:
    """Return the fields of a class by name, with their annotations resolved."""
    attrs.resolve_types(cls)
    return {each.name: each for each in attrs.fields(cls)}


@lru_cache(maxsize=1024)
def takes(check: Callable[..., object]) -> frozenset[str]:
    """Return the names of a check's parameters, which are those of the fields that it needs."""
    return frozenset(inspect.signature(check).parameters)


def check_type(name: str, value: object, wanted: type[Checked]) -> None:
    """Refuse an argument of another type at the door, for programs without type checks.

    Raises:
        InvalidRequestError: It is of another type.
    """
    if not isinstance(value, wanted):
        message = f"Input should be of type {wanted.__name__}, not {value!r:.100}"
        raise InvalidRequestError([Problem("type_error", (name,), message, value)])


def describe_changes(checked: Checked) -> str:
    """Describe a value by the fields that are not at their defaults, as its `repr`."""
    cls: type[Any] = type(checked)
    shown = {
        row.name: getattr(checked, row.name)
        for row in attrs.fields(cls)
        if row.repr and not (has_fixed_default(row) and getattr(checked, row.name) == row.default)
    }
    return describe(checked, **shown)


def holds(hint: Any, kind: type) -> bool:
    """Return whether an annotation allows a type, looking through bounds and `| None`."""
    wrapped = get_origin(hint) in (Annotated, Union, UnionType)
    return hint is kind or (wrapped and any(holds(part, kind) for part in get_args(hint)))


def value_problems(cls: Any, name: str, value: Any) -> list[Problem]:
    """Return the problems that a value has as a field of a class, whatever the other fields are.

    Args:
        cls: The class.
        name: Name of the field.
        value: The value. Paths begin at it.
    """
    field = _fields(cls)[name]
    convert: Any = field.converter
    return _complaints(value if convert is None else convert(value), field.type)


def hints(cls: type[Any]) -> Mapping[str, Any]:
    """Return the resolved annotations of an attrs class by field name."""
    attrs.resolve_types(cls)  # attrs remembers the result
    return {field.name: field.type for field in attrs.fields(cls)}


def has_fixed_default(row: attrs.Attribute[Any]) -> bool:
    """Return whether a field has a default that is a value, not worked out from other fields."""
    # `Factory` is a class, which its stubs declare as a function.
    factory: Any = attrs.Factory
    return row.default is not attrs.NOTHING and not isinstance(row.default, factory)


def conflicts(cls: type[Checked], values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems that the checks of `cls` find, of those whose fields are all given."""
    for check in cls.__checks__:
        names = takes(check)
        if names <= values.keys():
            yield from check(**{name: values[name] for name in names})


def _complaints(value: Any, hint: Any) -> list[Problem]:
    """Return the problems of a value built in Python, looking through unions and containers."""
    if isinstance(value, Unread):
        return list(value.problems)
    origin, args = get_origin(hint), get_args(hint)
    if hint in SCALARS:
        sort = Problem(f"{hint.__name__}_type", (), f"Input should be {SCALARS[hint]}", value)
        return [] if is_scalar(value, hint) else [sort]
    if origin is Annotated:
        return _complaints(value, args[0]) or list(violations(value, hint.__metadata__))
    if origin is Literal:
        choice = Problem("literal_error", (), f"Input should be {one_of(args)}", value)
        return [] if value in args else [choice]
    if origin in (Union, UnionType):
        return _choice_complaints(value, args)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            return [Problem("list_type", (), "Input should be a list", value)]
        return [p.under(i) for i, item in enumerate(value) for p in _complaints(item, args[0])]
    if origin is Mapping and isinstance(value, Mapping):
        return _entry_complaints(value, *args)
    kind = origin or hint
    # `Any` is a class from Python 3.11 on, though not one of anything.
    fits = kind is Any or not isinstance(kind, type) or isinstance(value, kind)
    sort = Problem("type_error", (), f"Input should be of type {_name(kind)}", value)
    return [] if fits else [sort]


def _entry_complaints(value: Mapping[Any, Any], key_hint: Any, hint: Any) -> list[Problem]:
    """Return the problems of keys and values; a key of another type stands in the path as text."""
    return [
        problem.under(key if isinstance(key, str | int) else str(key))
        for key, item in value.items()
        for problem in [*_complaints(key, key_hint), *_complaints(item, hint)]
    ]


def _choice_complaints(value: Any, hints: tuple[Any, ...]) -> list[Problem]:
    """Return the problems of a value of a union: none if it fits one of the union's parts."""
    if value is None and type(None) in hints:
        return []
    parts = [hint for hint in hints if hint is not type(None)]
    # A union with one type besides None gets that type's problems, which say more than its name.
    complaints = [_complaints(value, part) for part in parts]
    if len(parts) == 1 or not all(complaints):
        return min(complaints, key=len)
    kinds = ", ".join(_name(part) for part in parts)
    return [Problem("type_error", (), f"Input should be of one of the types {kinds}", value)]


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))
