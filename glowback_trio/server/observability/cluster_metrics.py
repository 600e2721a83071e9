"""The metrics of a gateway of a cluster, in the Prometheus format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

from attrs import define, field, frozen
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

__all__ = ["ClusterFigures", "ClusterMetrics", "Outcome"]

#: What became of a request that was forwarded.
Outcome: TypeAlias = Literal["answered", "unreachable"]


@frozen
class ClusterFigures:
    """A gateway of a cluster in figures.

    Attributes:
        held: Runs and optimizations that it computes, or that wait here.
        followed: Runs and optimizations in its memory that others compute.
        left: Queued runs that it leaves to others, since it lacks their bars.
        reachable: Peers that the last attempt reached.
        lease_seconds_left: Seconds that its lease lives unless it is renewed.
    """

    held: int
    followed: int
    left: int
    reachable: int
    lease_seconds_left: float


@define(eq=False)
class ClusterMetrics:
    """The metrics of a gateway of a cluster; there are none where it is alone.

    Args:
        figures: Returns the figures at each scrape; None: it is alone.
    """

    figures: Callable[[], ClusterFigures | None]
    _forwarded: Counter[Outcome] = field(factory=Counter, init=False)

    def count_forwarded(self, outcome: Outcome) -> None:
        """Count a request that was forwarded to another gateway."""
        self._forwarded[outcome] += 1

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        if (now := self.figures()) is None:
            return
        held = "Runs and optimizations that have not ended, by who computes them."
        work = GaugeMetricFamily("glowback_cluster_work", held, labels=("computed",))
        work.add_metric(("here",), now.held)
        work.add_metric(("elsewhere",), now.followed)
        yield work
        left = "Queued runs that this gateway leaves to others, since it does not have their bars."
        yield GaugeMetricFamily("glowback_runs_left_to_others", left, value=now.left)
        reached = "Other gateways that the last attempt reached."
        yield GaugeMetricFamily("glowback_peers_reachable", reached, value=now.reachable)
        lease = "Seconds that the lease of this gateway lives unless it is renewed."
        yield GaugeMetricFamily("glowback_lease_left_seconds", lease, value=now.lease_seconds_left)
        sent = "Requests that were forwarded to other gateways, by what became of them."
        forwarded = CounterMetricFamily("glowback_forwarded_requests", sent, labels=("outcome",))
        for outcome in ("answered", "unreachable"):
            forwarded.add_metric((outcome,), self._forwarded[outcome])
        yield forwarded
