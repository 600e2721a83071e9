"""Plans of trials, and the backtests that they have to equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from attrs import evolve
from support.engine_bars import in_memory

from glowback_trio.engine import backtest
from glowback_trio.engine.kernel.choice import Kernel, using
from glowback_trio.engine.trials.evaluation import evaluate
from glowback_trio.engine.trials.plan import FULL, Segment, TrialOutcome, TrialPlan
from glowback_trio.errors import GlowbackError
from glowback_trio.model.bars import Bars, Dataset
from glowback_trio.model.optimization.overlay import applied
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.sessions.date_range import DateRange

__all__ = ["START", "assert_same_as_backtests", "exactly", "plan", "segment", "whole"]

START = datetime(2024, 1, 1, tzinfo=UTC)
Metrics = Mapping[str, float | int | None]


def segment(name: str, first: int, after: int) -> Segment:
    """A segment from one day to before another, both counted from the first."""
    last = START + timedelta(days=after) - timedelta(microseconds=1)
    return Segment(name, START + timedelta(days=first), last)


def whole(request: BacktestRequest) -> Segment:
    return Segment(FULL, request.start_date, request.end_date)


def plan(number: int, segments: Sequence[Segment], **parameters: object) -> TrialPlan:
    return TrialPlan(trial_number=number, parameters=parameters, segments=tuple(segments))


def one_by_one(
    base: BacktestRequest, bars: Sequence[Bars], each: TrialPlan
) -> Mapping[str, Metrics] | None:
    """The metrics of the same backtests, each for itself; None if one of them fails."""
    found: dict[str, Metrics] = {}
    try:
        request = applied(base, each.parameters)
        for part in each.segments:
            own = evolve(request, start_date=part.start_date, end_date=part.end_date)
            needed = [one for one in bars if one.symbol in request.priced]
            found[part.name] = backtest(own, needed).metrics
    except GlowbackError:
        return None
    return found


def exactly(metrics: Mapping[str, Metrics]) -> str:
    """Metrics such that two are equal if no bit, type, sign of zero or order of names differs."""
    return repr({name: dict(part) for name, part in metrics.items()})


def loaded(base: BacktestRequest, bars: Sequence[Bars]) -> Dataset:
    """The bars of the base request as a source loads them, with those for warming up apart."""
    span = DateRange.of(base.start_date, base.end_date)
    parts = [span.parted(one, base.warmup_bars) for one in bars]
    dataset = in_memory([own for _, own in parts])
    return evolve(dataset, warmup=[early for early, _ in parts if len(early)])


def assert_same_as_backtests(
    base: BacktestRequest,
    bars: Sequence[Bars],
    plans: Sequence[TrialPlan],
    kernel: Kernel | None = None,
) -> list[TrialOutcome]:
    """Evaluate, by a kernel or without, and compare with the same backtests one by one without."""
    with using(kernel):
        outcomes = list(evaluate(base, loaded(base, bars), plans))
    assert [one.trial_number for one in outcomes] == [one.trial_number for one in plans]
    for each, outcome in zip(plans, outcomes, strict=True):
        expected = one_by_one(base, bars, each)
        assert (outcome.error is None) == (expected is not None)
        assert exactly(outcome.metrics) == exactly(expected or {})
    return outcomes
