"""Trials one by one: whatever a backtest can do, by the very simulation that carries it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from attrs import define, field

from glowback_trio.engine.simulation import Simulation
from glowback_trio.engine.trials.ground import Ground, on_segment
from glowback_trio.engine.trials.measured_run import MeasuredRun
from glowback_trio.engine.trials.plan import Segment, SegmentReturns, TrialPlan
from glowback_trio.errors import GlowbackError
from glowback_trio.model.optimization.overlay import applied
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.foreign import said, text_of

__all__ = ["LoneTrial", "failure_sentence"]

# As many symbol-bars take some ten milliseconds: soon enough for whoever waits for a cancellation.
_SLICE = 20_000
_LEAST = 500  # symbol-bars that a run without any takes as long as


def failure_sentence(error: Exception) -> str:
    """Return why a trial has failed."""
    if isinstance(error, GlowbackError):
        return text_of(error)
    return f"The trial failed unexpectedly: {said(error)}"


@define(eq=False)
class LoneTrial:
    """One trial, segment by segment and slice by slice.

    Args:
        plan: The trial.
        base: The request that its parameters are put into.
        ground: The bars.
        checkpoint: Called within slices.

    Attributes:
        runs: What came of each segment, by name.
        returns: Returns of each segment, by name; empty unless the plan asks for them.
        error: Why the trial has failed, as a sentence; None if it has not.
    """

    plan: TrialPlan
    _base: BacktestRequest
    _ground: Ground
    _checkpoint: Callable[[], object]
    runs: dict[str, MeasuredRun] = field(factory=dict, init=False)
    returns: dict[str, SegmentReturns] = field(factory=dict, init=False)
    error: str | None = field(default=None, init=False)

    def slices(self) -> Iterator[int]:
        """Work, and yield after each slice how many symbol-bars it had."""
        request = self._applied()
        yield _LEAST
        if request is None:
            return
        for segment in self.plan.segments:
            try:
                yield from self._run(on_segment(request, segment), segment)
            except Exception as error:  # noqa: BLE001 - whatever a custom strategy raises
                place = "" if segment is self.plan.segments[0] else f"In {segment.name}: "
                self.error, self.runs = f"{place}{failure_sentence(error)}", {}
                return

    def _applied(self) -> BacktestRequest | None:
        try:
            return applied(self._base, self.plan.parameters)
        except Exception as error:  # noqa: BLE001 - a custom strategy's constructor raises anything
            self.error = failure_sentence(error)
            return None

    def _run(self, request: BacktestRequest, segment: Segment) -> Iterator[int]:
        simulation = Simulation(request, self._ground.part(request), self._checkpoint)
        width = len(request.priced)
        rows = max(1, _SLICE // width)
        while not simulation.finished:
            simulation.run(rows)
            yield min(rows, simulation.bars) * width
        measured = simulation.measured()
        self.runs[segment.name] = MeasuredRun(
            measured.metrics, simulation.curve.value, measured.year.periods
        )
        if self.plan.keep_returns:
            curve = simulation.curve
            returns = curve.returns_at(slice(None))
            self.returns[segment.name] = SegmentReturns(curve.time, returns)

    @property
    def metrics(self) -> Mapping[str, Mapping[str, float | int | None]]:
        """The metrics of each segment, by name."""
        return {name: run.metrics for name, run in self.runs.items()}
