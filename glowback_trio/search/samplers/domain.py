"""The choices of a search: axes, rules, and the combinations that they leave."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property

from attrs import field, frozen

from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.search.samplers.axes import Axis, axis_of
from glowback_trio.search.samplers.rules import Rule, Values, rules_of

__all__ = ["Combinations", "Domain", "identity"]

# Partial combinations that are looked at before a space counts as too large to be listed.
_NODES = 100_000


def identity(values: Values) -> Hashable:
    """Return what tells combinations apart; 1, 1.0 and true are three values."""
    return tuple((type(each), each) for each in values.values())


@frozen
class Domain:
    """The choices that a search has.

    Attributes:
        axes: One for each parameter, in the order of the request.
        rules: What a combination has to meet.
    """

    axes: Sequence[Axis]
    rules: Sequence[Rule]

    @classmethod
    def of(cls, request: OptimizationRequest) -> Domain:
        """Return the domain of a request."""
        space = request.search_space
        axes = [axis_of(each, request.grid_steps) for each in space.parameters]
        return cls(axes, rules_of(space, request.base_backtest))

    @property
    def size(self) -> int | None:
        """Number of combinations, refused ones included; None if there is a continuous axis."""
        size = 1
        for axis in self.axes:
            if axis.count is None:
                return None
            size *= axis.count
        return size

    @property
    def grid_size(self) -> int:
        """Number of combinations in the grid, refused ones included."""
        size = 1
        for axis in self.axes:
            size *= len(axis.grid)
        return size

    def at(self, point: Sequence[float]) -> dict[str, object]:
        """Return the combination at a point of the unit cube."""
        return {axis.name: axis.at(u) for axis, u in zip(self.axes, point, strict=True)}

    def broken(self, values: Values) -> Rule | None:
        """Return the first rule that a combination breaks; None if it may be tried."""
        return next((rule for rule in self.rules if not rule.holds(values)), None)

    def grid(self) -> Combinations:
        """Return the combinations of the grid."""
        return Combinations([(axis.name, axis.grid) for axis in self.axes], self.rules)

    def everything(self) -> Combinations | None:
        """Return all combinations; None if there are too many to list them."""
        size = self.size
        if size is None or size > _NODES:
            return None
        values = [(axis.name, axis.values()) for axis in self.axes]
        return Combinations(values, self.rules)


@frozen(eq=False)
class Combinations:
    """The combinations of listed values that meet the rules, in the order of a cartesian product.

    Attributes:
        values: Name and values of each parameter.
        rules: What a combination has to meet.
    """

    values: Sequence[tuple[str, Sequence[object]]]
    rules: Sequence[Rule] = field(repr=False)
    # Most rules need two parameters, so the same values come again and again.
    _known: dict[Hashable, Sequence[object]] = field(factory=dict, init=False, repr=False)

    def __iter__(self) -> Iterator[dict[str, object]]:
        return self._from(0, {})

    def count(self, most: int) -> int | None:
        """Return how many there are; None if that takes too long to find out.

        Args:
            most: Up to so many are always counted.
        """
        size = 1
        for _, values in self.values:
            size *= len(values)
        if not self.rules:
            return size
        return None if size > max(_NODES, most) else self._count(0, {})

    def _from(self, depth: int, chosen: dict[str, object]) -> Iterator[dict[str, object]]:
        name, last = self.values[depth][0], depth == len(self.values) - 1
        for value in self._allowed(depth, chosen):
            more = {**chosen, name: value}
            if last:
                yield more
            else:
                yield from self._from(depth + 1, more)

    def _count(self, depth: int, chosen: dict[str, object]) -> int:
        allowed = self._allowed(depth, chosen)
        if depth == len(self.values) - 1:
            return len(allowed)
        name = self.values[depth][0]
        return sum(self._count(depth + 1, {**chosen, name: value}) for value in allowed)

    def _allowed(self, depth: int, chosen: dict[str, object]) -> Sequence[object]:
        """Return the values of a parameter that go with those chosen before it."""
        name, values = self.values[depth]
        rules = self._due[depth]
        needed = {each for rule in rules for each in rule.names} - {name}
        key = depth, identity({each: chosen[each] for each in sorted(needed)})
        if key not in self._known:
            self._known[key] = [
                value
                for value in values
                if all(rule.holds({**chosen, name: value}) for rule in rules)
            ]
        return self._known[key]

    @cached_property
    def _due(self) -> Sequence[Sequence[Rule]]:
        """The rules that can be looked at as soon as each parameter has a value."""
        known: set[str] = set()
        due: list[list[Rule]] = []
        left = list(self.rules)
        for name, _ in self.values:
            known.add(name)
            due.append([rule for rule in left if rule.names <= known])
            left = [rule for rule in left if not rule.names <= known]
        return due
