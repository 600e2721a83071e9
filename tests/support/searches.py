"""Searches without an engine's shortcuts: requests, and trials evaluated one backtest at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
import numpy as np

from glowback_trio.engine import backtest
from glowback_trio.engine.trials.plan import SegmentReturns, TrialOutcome, TrialPlan
from glowback_trio.errors import GlowbackError
from glowback_trio.model.bars import Bars
from glowback_trio.model.events import EventDraft
from glowback_trio.model.optimization.overlay import applied
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.space import Parameter, SearchSpace
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.parameters import MaCrossover
from glowback_trio.search.study import Study

__all__ = [
    "BASE",
    "Evaluate",
    "brute_force",
    "drive",
    "formula",
    "moving_averages",
    "random_bars",
    "search",
    "space",
]

Evaluate = Callable[[TrialPlan], TrialOutcome]

BASE = BacktestRequest(
    symbols=("AAA",),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    end_date="2020-12-31",
    strategy=MaCrossover(short_period=3, long_period=9),
)


def space(*parameters: Mapping[str, Any], constraints: Sequence[str] = ()) -> SearchSpace:
    given = tuple(Parameter(**each) for each in parameters)
    return SearchSpace(parameters=given, constraints=tuple(constraints))


def moving_averages(*constraints: str) -> SearchSpace:
    return space(
        {"name": "short_period", "kind": "int_range", "low": 2, "high": 8, "step": 2},
        {"name": "long_period", "kind": "int_range", "low": 4, "high": 20, "step": 4},
        constraints=constraints,
    )


def search(**changes: Any) -> OptimizationRequest:
    given: dict[str, Any] = {
        "name": "a search",
        "search_space": moving_averages(),
        "base_backtest": BASE,
        "strategy": "grid",
        "validation_mode": "none",
        **changes,
    }
    return OptimizationRequest(**given)


def random_bars(symbol: str = "AAA", seed: int = 7, days: int = 366) -> Bars:
    draw = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(draw.normal(0.0003, 0.02, days)))
    start = np.datetime64("2020-01-01", "D")
    time = (start + np.arange(days)).astype("M8[ns]")
    return Bars(symbol, time, close, close * 1.01, close * 0.99, close, np.full(days, 1e6))


def brute_force(request: OptimizationRequest, bars: Sequence[Bars]) -> Evaluate:
    """Return a function that evaluates a plan by one backtest for every segment."""

    def evaluate(plan: TrialPlan) -> TrialOutcome:
        metrics, returns = {}, {}
        try:
            changed = applied(request.base_backtest, plan.parameters)
            for part in plan.segments:
                within = attrs.evolve(changed, start_date=part.start_date, end_date=part.end_date)
                result = backtest(within, [each for each in bars if each.symbol in within.priced])
                metrics[part.name] = result.metrics
                everything = result.curve.returns_at(slice(None))
                returns[part.name] = SegmentReturns(result.curve.time, everything)
        except GlowbackError as error:
            return TrialOutcome(trial_number=plan.trial_number, error=str(error))
        kept = returns if plan.keep_returns else {}
        return TrialOutcome(trial_number=plan.trial_number, metrics=metrics, returns=kept)

    return evaluate


def formula(worth: Callable[[Mapping[str, Any]], float | None], splits: int = 0) -> Evaluate:
    """Return a function that works out a metric of each segment from the parameters alone."""

    def evaluate(plan: TrialPlan) -> TrialOutcome:
        value = worth(plan.parameters)
        metrics = {part.name: _metrics(value, len(part.name)) for part in plan.segments}
        scores = tuple((value, value) for _ in range(splits)) if plan.splits is not None else ()
        return TrialOutcome(trial_number=plan.trial_number, metrics=metrics, split_scores=scores)

    return evaluate


def _metrics(value: float | None, more: int) -> dict[str, float | int | None]:
    sharpe = None if value is None else value + more / 100
    return {"sharpe_ratio": sharpe, "max_drawdown": 10.0, "total_return": value}


def drive(study: Study, evaluate: Evaluate, most: int = 4) -> list[EventDraft]:
    """Carry a search out to its end, with so many trials at once, and return its drafts."""
    drafts: list[EventDraft] = []
    waiting: list[TrialPlan] = []
    while not study.told_all:
        waiting += study.ask(most - len(waiting))
        drafts += study.tell(evaluate(waiting.pop(0)))
    return drafts
