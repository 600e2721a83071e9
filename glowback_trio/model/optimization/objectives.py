"""Objectives of a search: metrics, and the direction in which they are better."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from attrs import frozen

from glowback_trio.errors import Problem
from glowback_trio.model.bounds import Checked, Gt, Le, MaxLen, MinLen, describe_changes

__all__ = ["Direction", "MetricName", "Objective", "weights_go_together"]

Direction = Literal["maximize", "minimize"]
MetricName = Annotated[str, MinLen(1), MaxLen(64)]


@frozen(kw_only=True, repr=False)
class Objective(Checked):
    """One of several objectives.

    Attributes:
        metric: Name of a numeric metric of a result.
        direction: Whether more of it is better.
        weight: Its weight in a weighted sum; None, as for all others: a Pareto front.
    """

    metric: MetricName
    direction: Direction = "maximize"
    weight: Annotated[float, Gt(0), Le(1e6)] | None = None

    __repr__ = describe_changes


def weights_go_together(objectives: tuple[Objective, ...]) -> Iterator[Problem]:
    """Yield problems where only some objectives have a weight, or one metric is named twice."""
    if len({each.weight is None for each in objectives}) > 1:
        message = "Give every objective a weight (a weighted sum), or none (a Pareto front)"
        yield Problem("value_error", ("objectives",), message)
    seen: set[str] = set()
    for index, each in enumerate(objectives):
        if each.metric in seen:
            path = ("objectives", index, "metric")
            yield Problem("duplicate", path, f"{each.metric!r} is listed twice", each.metric)
        seen.add(each.metric)
