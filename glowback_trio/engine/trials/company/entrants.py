"""Entrants: trials that arrays can evaluate, each with its strategy and its costs."""

from __future__ import annotations

from functools import lru_cache

from attrs import field, frozen

from glowback_trio.engine.batch.gate import is_batchable
from glowback_trio.engine.execution.costs import CostModel, cost_model
from glowback_trio.engine.trials.plan import TrialPlan
from glowback_trio.model.request import BacktestRequest, Execution
from glowback_trio.model.strategies.parameters import (
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Momentum,
    Rsi,
)

__all__ = ["Entrant", "entrant"]

_Vectorised = BuyAndHold | MaCrossover | MeanReversion | Momentum | Rsi


@frozen(eq=False)
class Entrant:
    """One trial.

    Attributes:
        plan: Its plan.
        request: Its backtest on the whole range.
        strategy: A built-in strategy.
        costs: Conditions of its fills, which arrays account for.
    """

    plan: TrialPlan = field(repr=False)
    request: BacktestRequest
    strategy: _Vectorised
    costs: CostModel

    def goes_with(self, other: Entrant) -> bool:
        """Return whether two trials can be evaluated together."""
        mine, its = self.plan, other.plan
        return (
            type(self.strategy) is type(other.strategy)
            and self.request.symbols == other.request.symbols
            and (mine.segments, mine.splits) == (its.segments, its.splits)
        )


def entrant(plan: TrialPlan, request: BacktestRequest) -> Entrant | None:
    """Return the entrant of a plan; None if only the simulation can carry it out.

    Args:
        plan: The trial.
        request: Its backtest.
    """
    strategy, costs = request.strategy, _conditions(request.execution)
    if costs is None or len(request.symbols) != 1 or request.benchmark_symbol is not None:
        return None
    return Entrant(plan, request, strategy, costs) if isinstance(strategy, _Vectorised) else None


@lru_cache(maxsize=64)
def _conditions(execution: Execution) -> CostModel | None:
    """Return the cost model of an execution; None if arrays do not account for it."""
    costs = cost_model(execution)
    return costs if is_batchable(costs) else None
