"""Entrants: trials that arrays can evaluate, each with its strategy and its costs."""

from __future__ import annotations

from functools import lru_cache

from attrs import define, field, frozen

from glowback_trio.engine.batch.gate import is_batchable
from glowback_trio.engine.execution.costs import CostModel, cost_model
from glowback_trio.engine.kernel.choice import chosen
from glowback_trio.engine.trials.plan import TrialPlan
from glowback_trio.model.request import BacktestRequest, Execution
from glowback_trio.model.strategies.parameters import (
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Momentum,
    Rsi,
)

__all__ = ["Admission", "Entrant"]

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


@define(eq=False)
class Admission:
    """Tells which trials can be evaluated together."""

    #: Of the trial before: nearly all have the same, and it takes longer to look it up.
    _conditions: tuple[Execution, CostModel, bool] | None = field(default=None, init=False)

    def entrant(self, plan: TrialPlan, request: BacktestRequest) -> Entrant | None:
        """Return the entrant of a plan; None if only the simulation can carry it out.

        Args:
            plan: The trial.
            request: Its backtest.
        """
        strategy = request.strategy
        if len(request.symbols) != 1 or request.benchmark_symbol is not None:
            return None
        if not isinstance(strategy, _Vectorised):
            return None
        costs, by_arrays = self._costs(request.execution)
        if costs.has_financing or not (by_arrays or chosen()):
            return None
        return Entrant(plan, request, strategy, costs)

    def _costs(self, execution: Execution) -> tuple[CostModel, bool]:
        if self._conditions is None or self._conditions[0] is not execution:
            self._conditions = (execution, *_conditions(execution))
        return self._conditions[1:]


@lru_cache(maxsize=64)
def _conditions(execution: Execution) -> tuple[CostModel, bool]:
    """Return the cost model of an execution, and True if arrays account for it."""
    costs = cost_model(execution)
    return costs, is_batchable(costs)
