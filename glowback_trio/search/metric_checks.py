"""Names of metrics in a request: each is known, and defined in the trials that it is asked of."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from glowback_trio.engine.analytics.relative import RELATIVE
from glowback_trio.engine.trials.metric_names import METRIC_NAMES, RETURN_METRICS
from glowback_trio.errors import Problem
from glowback_trio.model.bounds import did_you_mean
from glowback_trio.model.optimization.objectives import Objective
from glowback_trio.model.optimization.request import FOLDED, OptimizationRequest
from glowback_trio.model.optimization.space import Comparison
from glowback_trio.search.scoring import validated

__all__ = ["metric_problems"]

_PORTFOLIO = frozenset(
    ("portfolio_rebalances", "average_turnover_pct", "max_weight_drift_pct", "constraint_hit_count")
)


def metric_problems(request: OptimizationRequest) -> Iterator[Problem]:
    """Yield a problem for every metric that is unknown, or that no trial can have."""
    if request.objectives:
        for index, objective in enumerate(request.objectives):
            yield from _objective_problems(request, ("objectives", index, "metric"), objective)
    else:
        yield from _objective_problems(request, ("objective_metric",), request.scored_by[0])
    for index, text in enumerate(request.metric_constraints):
        yield from _constraint_problems(request, index, text)


def _objective_problems(
    request: OptimizationRequest, path: tuple[str | int, ...], objective: Objective
) -> Iterator[Problem]:
    name = objective.metric
    if (refusal := _refusal(request, name, METRIC_NAMES)) is not None:
        yield Problem("value_error", path, refusal, name)
    elif request.validation_mode in FOLDED and name not in RETURN_METRICS:
        message = (
            f"{request.validation_mode} scores returns of single bars, from which {name} cannot "
            f"be worked out; it takes {', '.join(sorted(RETURN_METRICS))}"
        )
        yield Problem("value_error", path, message, name)


def _constraint_problems(request: OptimizationRequest, index: int, text: str) -> Iterator[Problem]:
    names, path = Comparison.read(text).names, ("metric_constraints", index)
    if not names:
        message = "A constraint should compare at least one metric"
        yield Problem("value_error", path, message, text)
    more = [name for each in request.scored_by for name in validated(each, 0.0, [0.0, 0.0], 0.0)]
    known = [*METRIC_NAMES, *(more if request.validation_mode != "none" else ())]
    for name in names:
        if (refusal := _refusal(request, name, known)) is not None:
            yield Problem("value_error", path, refusal, text)


def _refusal(request: OptimizationRequest, name: str, known: Collection[str]) -> str | None:
    """Say why a metric cannot be used; None if it can."""
    base = request.base_backtest
    if name not in known:
        return f"{name!r} is no metric of a trial; {did_you_mean(name, known)}"
    if name in _PORTFOLIO and base.portfolio_construction is None:
        return f"{name} is a metric of portfolios; base_backtest has no portfolio_construction"
    if name in RELATIVE and base.benchmark_symbol is None:
        return f"{name} is measured against a benchmark; base_backtest has no benchmark_symbol"
    return None
