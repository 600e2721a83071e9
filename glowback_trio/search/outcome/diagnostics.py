"""Figures on a finished search: how stable the best parameters are, and whether they are luck."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from glowback_trio.engine.analytics.honesty.evidence import Evidence, weigh
from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch
from glowback_trio.engine.analytics.honesty.surface import surface_stability
from glowback_trio.model.ledger.totals import TrialTotals
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.search.scoring import Scoring

__all__ = ["diagnostics"]

_STABLE = 0.25  # a relative span up to which a parameter counts as stable


def diagnostics(
    request: OptimizationRequest,
    trials: Sequence[Trial],
    best: Trial | None,
    sketches: Mapping[int, ReturnsSketch],
    totals: TrialTotals | None,
) -> Mapping[str, Any]:
    """Return the figures as plain JSON values.

    Args:
        request: The request.
        trials: All trials, by number.
        best: The best one; None if no trial can win.
        sketches: Sketches of the full runs of the trials, by number.
        totals: What the ledger knows of all trials ever made of this strategy on these bars, those
            of this search included; None if there is no ledger.
    """
    scoring = Scoring.of(request)
    general = {
        "objective_metric": request.scored_by[0].metric,
        "direction": scoring.direction,
        "completed_trials": sum(trial.status == "completed" for trial in trials),
        "failed_trials": sum(trial.status == "failed" for trial in trials),
        "infeasible_trials": sum(not trial.feasible for trial in trials),
        "top_trials_considered": 0,
        "parameter_stability": {},
        "execution_mode": "local_python",
        "cancellation_supported": True,
        "resume_supported": True,
        **request.resources,
    }
    if best is None:
        return general
    ranked = [each for each in trials if each.ranked and each.split is None]
    top = _top(scoring, ranked)
    return {
        **general,
        "top_trials_considered": len(top),
        "parameter_stability": {
            name: _stability(best.parameters[name], [each.parameters[name] for each in top])
            for name in best.parameters
        },
        **_best(request, best),
        **_spread([each.objective for each in top if each.objective is not None]),
        "surface_stability": _surface(scoring, ranked),
        **_luck(request, trials, best, sketches, totals),
    }


def _top(scoring: Scoring, ranked: Sequence[Trial]) -> Sequence[Trial]:
    """Return the best few trials, the best one first."""
    count = min(len(ranked), max(2, min(5, math.ceil(len(ranked) / 3))))
    # Sorting is stable: of equal trials the earliest comes first.
    return sorted(ranked, key=lambda each: scoring.score(each) or (), reverse=True)[:count]


def _stability(best: object, values: Sequence[object]) -> Mapping[str, Any]:
    numbers = [each for each in values if isinstance(each, int | float)]
    if len(numbers) == len(values) and not any(isinstance(each, bool) for each in values):
        return _numeric_stability(best, numbers)
    # A tuple, such as chosen symbols, is compared as a whole; Counter keeps the first of equals.
    (value, count), *_ = Counter(values).most_common()
    return {
        "kind": "categorical",
        "best_value": best,
        "distinct_values": len(set(values)),
        "most_common_value": value,
        "most_common_count": count,
        "stable": len(set(values)) == 1,
        "top_trial_values": list(values),
    }


def _numeric_stability(best: Any, values: Sequence[float]) -> Mapping[str, Any]:
    mean, span = sum(values) / len(values), max(values) - min(values)
    relative = span / max(abs(mean), abs(best), 1.0)
    return {
        "kind": "numeric",
        "best_value": best,
        "mean": mean,
        "min": min(values),
        "max": max(values),
        "span": span,
        "relative_span": relative,
        "stable": relative <= _STABLE,
        "top_trial_values": list(values),
    }


def _best(request: OptimizationRequest, best: Trial) -> Mapping[str, Any]:
    metric = request.scored_by[0].metric
    of_validation = {
        "best_trial_generalization_gap": f"generalization_gap_{metric}",
        "best_trial_validation_full_gap": f"validation_full_gap_{metric}",
        "best_trial_validation_stddev": f"validation_{metric}_stddev",
        "best_trial_validation_windows": "validation_windows",
    }
    return {
        "best_trial_number": best.trial_number,
        "best_trial_parameters": dict(best.parameters),
        "best_trial_objective": best.objective,
        **{name: best.metrics[key] for name, key in of_validation.items() if key in best.metrics},
    }


def _spread(objectives: Sequence[float]) -> Mapping[str, float]:
    if len(objectives) < 2:
        return {}
    mean = sum(objectives) / len(objectives)
    squares = math.fsum((each - mean) ** 2 for each in objectives)
    return {
        "top_objective_range": max(objectives) - min(objectives),
        "top_objective_stddev": math.sqrt(squares / len(objectives)),
    }


def _surface(scoring: Scoring, ranked: Sequence[Trial]) -> Mapping[str, Any] | None:
    found = surface_stability(
        [each.parameters for each in ranked],
        [each.objective for each in ranked],
        maximize=scoring.direction == "maximize",
    )
    if found is None:
        return None
    return {
        "neighbours": found.neighbours,
        "neighbours_objective": found.objective,
        "together": found.together,
        "by_parameter": dict(found.by_parameter),
        "plateau": found.plateau,
    }


def _luck(
    request: OptimizationRequest,
    trials: Sequence[Trial],
    best: Trial,
    sketches: Mapping[int, ReturnsSketch],
    totals: TrialTotals | None,
) -> Mapping[str, Any]:
    """Return how likely the best trial is luck: by this search, and by all that were ever made."""
    failed = sum(trial.status == "failed" for trial in trials)
    evidence = weigh(
        sketches, best.trial_number, trials=len(trials), failed=failed, seed=request.random_seed
    )
    if evidence is None:
        return {"qualified": False, "not_qualified_because": [_UNRATED]}
    periods = float(best.metrics.get("periods_per_year") or 1.0)
    figures = {**evidence.figures(periods), "trials_alike": evidence.alike}
    if totals is None:
        return figures
    return {**figures, "ledger": _by_ledger(evidence, totals, periods)}


_UNRATED = "The best trial has no Sharpe ratio"


def _by_ledger(evidence: Evidence, totals: TrialTotals, periods: float) -> Mapping[str, Any]:
    every = evidence.with_ledger(totals)
    return every.figures(periods)
