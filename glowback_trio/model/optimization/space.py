"""The space of a search: parameters with their ranges, and constraints between them."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Literal

from attrs import field, frozen

from glowback_trio.errors import Problem
from glowback_trio.model.bounds import (
    Checked,
    Gt,
    MaxLen,
    MinLen,
    Pattern,
    describe_changes,
    did_you_mean,
)

__all__ = ["Comparison", "Parameter", "ParameterKind", "SearchSpace", "Value"]

ParameterKind = Literal["float_range", "int_range", "log_uniform", "choice"]
#: What a parameter may be: a scalar of JSON, or, where symbols are chosen, a list of text.
Value = bool | int | float | str | tuple[str, ...]

_COMPARISON = r"\s*(?P<left>[^\s<>=!]+)\s*(?P<sign><=|>=|==|!=|<|>)\s*(?P<right>[^\s<>=!]+)\s*"
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

#: A comparison as a request writes it.
ComparisonText = Annotated[
    str, MaxLen(300), Pattern(_COMPARISON, "a comparison, such as 'short_period < long_period'")
]


@frozen
class Comparison:
    """One comparison between names and numbers.

    Attributes:
        left: A name, or a number.
        sign: `<`, `<=`, `>`, `>=`, `==` or `!=`.
        right: A name, or a number.
    """

    left: str | float
    sign: str
    right: str | float

    @classmethod
    def read(cls, text: str) -> Comparison:
        """Read a comparison of the form that `ComparisonText` describes."""
        parts = re.fullmatch(_COMPARISON, text)
        assert parts is not None, "the field's pattern has been checked"
        return cls(_operand(parts["left"]), parts["sign"], _operand(parts["right"]))

    @property
    def names(self) -> Sequence[str]:
        """The names that are compared."""
        return [side for side in (self.left, self.right) if isinstance(side, str)]

    def holds(self, values: Mapping[str, object]) -> bool:
        """Return whether it holds; False where a value is missing, None, or no number."""
        left, right = _number(self.left, values), _number(self.right, values)
        return left is not None and right is not None and _SIGNS[self.sign](left, right)


def _operand(text: str) -> str | float:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _number(side: str | float, values: Mapping[str, object]) -> float | None:
    value = values.get(side) if isinstance(side, str) else side
    return value if isinstance(value, int | float) else None


def _bounds_are_given(
    kind: ParameterKind, low: float | None, high: float | None, values: tuple[object, ...]
) -> Iterator[Problem]:
    if kind == "choice":
        if not values:
            yield Problem("missing", ("values",), "A choice needs at least one value")
        for name, bound in (("low", low), ("high", high)):
            if bound is not None:
                yield Problem("extra_forbidden", (name,), "A choice has values, no bounds", bound)
        return
    for name, bound in (("low", low), ("high", high)):
        if bound is None:
            yield Problem("missing", (name,), f"A parameter of kind {kind} needs it")
    if values:
        message = f"A parameter of kind {kind} has low and high, no values"
        yield Problem("extra_forbidden", ("values",), message, list(values))


def _bounds_fit(
    kind: ParameterKind, low: float | None, high: float | None, step: float | None
) -> Iterator[Problem]:
    if low is not None and high is not None and low > high:
        yield Problem(
            "value_error", ("low",), f"Input should be at most high, which is {high:g}", low
        )
    if kind == "log_uniform":
        if low is not None and low <= 0:
            message = "Input should be greater than 0, because the logarithm is drawn evenly"
            yield Problem("greater_than", ("low",), message, low)
        if step is not None:
            message = "A parameter of kind log_uniform has no step"
            yield Problem("extra_forbidden", ("step",), message, step)
    if kind == "choice" and step is not None:
        yield Problem("extra_forbidden", ("step",), "A choice has no step", step)
    if kind == "int_range":
        for name, given in (("low", low), ("high", high), ("step", step)):
            if given is not None and given != math.floor(given):
                yield Problem("int_type", (name,), "Input should be a whole number", given)


def _values_are_scalars(values: tuple[object, ...]) -> Iterator[Problem]:
    # With the type, since `True == 1`. A set, since a choice may have ten thousand values.
    seen: set[tuple[type, object]] = set()
    for index, value in enumerate(values):
        texts = isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
        if not (isinstance(value, bool | int | float | str) or texts):
            message = "Input should be text, a number, true, false, or a list of text"
            yield Problem("type_error", ("values", index), message, value)
        elif isinstance(value, float) and not math.isfinite(value):
            yield Problem("finite_number", ("values", index), "Input should be finite", value)
        elif (key := (type(value), _frozen(value))) in seen:
            yield Problem("duplicate", ("values", index), f"{value!r} is listed twice", value)
        else:
            seen.add(key)


def _frozen_values(values: object) -> object:
    if not isinstance(values, list | tuple):
        return values
    return tuple(map(_frozen, values))


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


@frozen(kw_only=True, repr=False)
class Parameter(Checked):
    """One parameter of a search, and what it may be.

    Attributes:
        name: What it sets: a parameter of the strategy (`short_period`, or in full
            `strategy.short_period`), of the execution (`execution.commission_bps`), the weight of a
            symbol (`weights.AAPL`), another number of the portfolio construction
            (`portfolio_construction.max_weight_pct`), or `symbols`.
        kind: `float_range` and `int_range` from `low` to `high`, both included; `log_uniform`
            likewise, evenly in the logarithm; `choice` among `values`.
        low: The least value.
        high: The greatest value.
        step: Only `low`, `low + step`, … up to `high`; None: any value (whole numbers: 1).
        values: What a choice may be.
    """

    __checks__ = (_bounds_are_given, _bounds_fit, _values_are_scalars)

    name: Annotated[str, MinLen(1), MaxLen(128)]
    kind: ParameterKind
    low: float | None = None
    high: float | None = None
    step: Annotated[float, Gt(0)] | None = None
    values: Annotated[tuple[object, ...], MaxLen(10_000)] = field(
        default=(), converter=_frozen_values
    )

    __repr__ = describe_changes


def _no_name_twice(parameters: tuple[Parameter, ...]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, parameter in enumerate(parameters):
        if (name := parameter.name.removeprefix("strategy.")) in seen:
            message = f"{parameter.name!r} is listed twice"
            yield Problem("duplicate", ("parameters", index, "name"), message, parameter.name)
        seen.add(name)


def _constraints_name_parameters(
    parameters: tuple[Parameter, ...], constraints: tuple[str, ...]
) -> Iterator[Problem]:
    numeric = {each.name for each in parameters if _is_numeric(each)}
    known = {each.name for each in parameters}
    for index, text in enumerate(constraints):
        names = Comparison.read(text).names
        if not names:
            message = "A constraint should compare at least one parameter of the search"
            yield Problem("value_error", ("constraints", index), message, text)
        for name in names:
            if name not in known:
                message = f"{name!r} is no parameter of the search; {did_you_mean(name, known)}"
                yield Problem("value_error", ("constraints", index), message, text)
            elif name not in numeric:
                message = f"{name!r} is no number, so it cannot be compared"
                yield Problem("value_error", ("constraints", index), message, text)


def _is_numeric(parameter: Parameter) -> bool:
    numbers = all(isinstance(each, int | float) for each in parameter.values)
    return parameter.kind != "choice" or numbers


@frozen(kw_only=True, repr=False)
class SearchSpace(Checked):
    """The choices that a search has.

    Attributes:
        parameters: 1 to 50 parameters, each named once.
        constraints: Comparisons between parameters and numbers, such as
            `short_period < long_period`. What breaks one is never tried, and costs no trial.
    """

    __checks__ = (_no_name_twice, _constraints_name_parameters)

    parameters: Annotated[tuple[Parameter, ...], MinLen(1), MaxLen(50)]
    constraints: Annotated[tuple[ComparisonText, ...], MaxLen(100)] = ()

    __repr__ = describe_changes
