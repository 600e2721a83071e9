"""One parameter of a search as an axis: its values in a grid, and the value at a point of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from attrs import evolve, field, frozen

from glowback_trio.model.optimization.space import Parameter

__all__ = ["Axis", "axis_of"]


@frozen
class Axis:
    """One parameter of a search.

    Attributes:
        name: Name of the parameter.
        grid: Its values in a grid, in the order they are tried.
        count: Number of values that it can have; None: any number within a range.
        at: Returns the value at a point from 0 to 1; every value takes an equal part of that.
        ordered: Whether values that are near each other are alike.
        log: Whether it is a range that is even in the logarithm.
    """

    name: str
    grid: Sequence[object]
    count: int | None
    at: Callable[[float], object] = field(repr=False)
    ordered: bool = True
    log: bool = False

    def values(self) -> Sequence[object]:
        """Return all values that it can have, in their order; empty if there are any number."""
        count = self.count or 0
        # The middle of each value's part.
        return [self.at((index + 0.5) / count) for index in range(count)]


def axis_of(parameter: Parameter, grid_steps: int) -> Axis:
    """Return a parameter as an axis.

    Args:
        parameter: The parameter.
        grid_steps: Values in a grid of one that has a range and no step.
    """
    if parameter.kind == "choice":
        return evolve(_listed(parameter.name, parameter.values), ordered=False)
    low, high = parameter.low, parameter.high
    assert low is not None
    assert high is not None
    if parameter.kind == "int_range":
        return _whole(parameter, int(low), int(high), grid_steps)
    if parameter.step is not None:
        return _listed(parameter.name, _stepped(low, high, parameter.step))
    if parameter.kind == "log_uniform":
        return _logarithmic(parameter.name, low, high, grid_steps)
    return _even(parameter.name, low, high, grid_steps)


def _listed(name: str, values: Sequence[object]) -> Axis:
    last = len(values) - 1
    return Axis(name, values, len(values), lambda u: values[min(int(u * (last + 1)), last)])


def _whole(parameter: Parameter, low: int, high: int, grid_steps: int) -> Axis:
    step = 1 if parameter.step is None else int(parameter.step)
    values = range(low, high + 1, step)
    at = _listed(parameter.name, values).at
    if parameter.step is not None:
        return Axis(parameter.name, values, len(values), at)
    # Half goes to even, as in the reference server.
    grid = sorted({round(each) for each in _spread(low, high, grid_steps)})
    return Axis(parameter.name, grid, len(values), at)


def _stepped(low: float, high: float, step: float) -> Sequence[float]:
    # A whole number of steps may come out a little below itself, and 3 x 0.1 a little above 0.3.
    count = math.floor((high - low) / step + 1e-9) + 1
    return [min(float(f"{low + index * step:.12g}"), high) for index in range(count)]


def _even(name: str, low: float, high: float, grid_steps: int) -> Axis:
    def at(u: float) -> float:
        return min(low + u * (high - low), high)

    return Axis(name, _spread(low, high, grid_steps), 1 if low == high else None, at)


def _logarithmic(name: str, low: float, high: float, grid_steps: int) -> Axis:
    first, last = math.log(low), math.log(high)

    def at(u: float) -> float:
        return min(max(math.exp(first + u * (last - first)), low), high)

    inner = [min(max(math.exp(each), low), high) for each in _spread(first, last, grid_steps)]
    grid = [low] if len(inner) == 1 else [low, *inner[1:-1], high]
    return Axis(name, grid, 1 if low == high else None, at, log=low < high)


def _spread(low: float, high: float, count: int) -> list[float]:
    """Return evenly spaced values, both ends included; one where the ends are the same."""
    if math.isclose(low, high, rel_tol=1e-12):
        return [low]
    width = (high - low) / (count - 1)
    return [*(low + index * width for index in range(count - 1)), high]
