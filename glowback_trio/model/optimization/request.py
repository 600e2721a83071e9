"""Requests for optimizations, frozen and checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from attrs import frozen

from glowback_trio.errors import Problem
from glowback_trio.model.bounds import (
    Checked,
    Ge,
    Gt,
    Le,
    Lt,
    MaxLen,
    MinLen,
    describe_changes,
)
from glowback_trio.model.optimization.objectives import (
    Direction,
    MetricName,
    Objective,
    weights_go_together,
)
from glowback_trio.model.optimization.space import ComparisonText, SearchSpace
from glowback_trio.model.request import BacktestRequest, OnRestart

__all__ = ["FOLDED", "LEARNING", "OptimizationRequest", "RayCluster", "Search", "ValidationMode"]

Search = Literal[
    "grid",
    "random",
    "sobol",
    "latin_hypercube",
    "bayesian",
    "cma",
    "successive_halving",
]
#: Searches that choose the next parameters by the outcomes of those before.
LEARNING: frozenset[Search] = frozenset({"bayesian", "cma", "successive_halving"})

ValidationMode = Literal[
    "none",
    "holdout",
    "walk_forward",
    "walk_forward_refit",
    "purged_k_fold",
    "cpcv",
]
#: Modes that divide the bars of one backtest into folds.
FOLDED: frozenset[ValidationMode] = frozenset({"purged_k_fold", "cpcv"})

BarCount = Annotated[int, Ge(0), Le(1_000_000)]


@frozen(kw_only=True, repr=False)
class RayCluster(Checked):
    """A Ray cluster as the reference server takes it. Accepted and recorded, not used.

    Attributes:
        address: Address of its head.
        namespace: Namespace of its actors.
        max_concurrent_tasks: Trials at once.
        num_cpus: Processors of a trial.
        num_gpus: Graphics processors of a trial.
        pip_packages: Packages that a worker needs.
    """

    address: Annotated[str, MaxLen(1024)] | None = None
    namespace: Annotated[str, MaxLen(256)] | None = None
    max_concurrent_tasks: Annotated[int, Ge(1), Le(256)] | None = None
    num_cpus: Annotated[float, Gt(0), Le(1e6)] | None = None
    num_gpus: Annotated[float, Ge(0), Le(1e6)] | None = None
    pip_packages: Annotated[tuple[Annotated[str, MaxLen(256)], ...], MaxLen(100)] = ()

    __repr__ = describe_changes


def _test_folds_are_fewer(
    validation_mode: ValidationMode, folds: int, test_folds: int
) -> Iterator[Problem]:
    if validation_mode == "cpcv" and test_folds >= folds:
        message = f"Input should be less than folds, which is {folds}"
        yield Problem("value_error", ("test_folds",), message, test_folds)


@frozen(kw_only=True, repr=False)
class OptimizationRequest(Checked):
    """A search over the parameters of a backtest, fully described.

    Attributes:
        name: A name for people.
        description: A note for people.
        search_space: What may be chosen.
        strategy: How it is searched: every combination (`grid`), at random (`random`), evenly
            spread (`sobol`, `latin_hypercube`), learning from the trials before (`bayesian`, `cma`:
            both need the extra `optuna`), or many on short ranges and the best of them on longer
            ones (`successive_halving`).
        max_trials: Trials at most; a grid that has more combinations is refused.
        concurrency: Chunks of trials that are evaluated at once. It changes nothing in the log.
        objective_metric: The metric that is sought, if `objectives` is empty.
        direction: Whether more of it is better.
        objectives: Several objectives: with weights one weighted sum, without them a Pareto front.
        metric_constraints: Comparisons with metrics of a trial, such as `max_drawdown <= 20`; a
            trial that breaks one never wins.
        base_backtest: The backtest that a trial's parameters are put into.
        validation_mode: What is held out: nothing (`none`), the last part of the range
            (`holdout`), that part in several windows (`walk_forward`); with the search begun anew
            before each window (`walk_forward_refit`); every fold in turn (`purged_k_fold`), or
            every combination of `test_folds` folds (`cpcv`).
        validation_fraction: Length of the part that is held out, as a fraction of the range.
        walk_forward_windows: Windows of that part.
        anchored: Whether every training window of `walk_forward_refit` begins where the range does,
            or all are equally long.
        folds: Folds of `purged_k_fold` and `cpcv`.
        test_folds: Folds that `cpcv` holds out at once.
        purge_bars: Bars left out of training before every fold that is held out.
        embargo_bars: Bars left out of training after every fold that is held out.
        random_seed: Seed of everything that is drawn.
        exploration_weight: Part of the trials of `bayesian` that are drawn at random at first.
        grid_steps: Values of a parameter that has a range and no step, in a grid.
        batch_size: Trials that a learning search asks for at once: it learns after each batch.
        keep_top: How many of the best trials are kept as runs of their own, with full results.
        progress_steps: Number of progress events, in equal steps.
        on_restart: What becomes of it if the gateway is killed in the middle: it has failed
            (`fail`; it can be resumed), or goes on where its log ended (`rerun`).
        priority: Of what waits for a slot, that with a higher priority goes first.
        ray_cluster: Accepted as the reference server does, and recorded; not used.

    Raises:
        InvalidRequestError: With the problems of all fields, or, where there are none, of the rules
            between fields.
    """

    __checks__ = (weights_go_together, _test_folds_are_fewer)

    name: Annotated[str, MinLen(1), MaxLen(256)]
    search_space: SearchSpace
    base_backtest: BacktestRequest
    description: Annotated[str, MaxLen(1024)] = ""
    strategy: Search = "random"
    max_trials: Annotated[int, Ge(1), Le(10_000)] = 100
    concurrency: Annotated[int, Ge(1), Le(128)] = 4
    objective_metric: MetricName = "sharpe_ratio"
    direction: Direction = "maximize"
    objectives: Annotated[tuple[Objective, ...], MaxLen(8)] = ()
    metric_constraints: Annotated[tuple[ComparisonText, ...], MaxLen(32)] = ()
    validation_mode: ValidationMode = "walk_forward"
    validation_fraction: Annotated[float, Gt(0.05), Lt(0.9)] = 0.25
    walk_forward_windows: Annotated[int, Ge(1), Le(10)] = 3
    anchored: bool = True
    folds: Annotated[int, Ge(2), Le(20)] = 5
    test_folds: Annotated[int, Ge(1), Le(10)] = 2
    purge_bars: BarCount = 0
    embargo_bars: BarCount = 0
    random_seed: Annotated[int, Ge(0), Le(2_147_483_647)] = 42
    exploration_weight: Annotated[float, Ge(0), Le(1)] = 0.3
    grid_steps: Annotated[int, Ge(2), Le(100)] = 5
    batch_size: Annotated[int, Ge(1), Le(256)] = 16
    keep_top: Annotated[int, Ge(0), Le(100)] = 0
    progress_steps: Annotated[int, Ge(1), Le(1000)] = 100
    on_restart: OnRestart = "fail"
    priority: Annotated[int, Ge(-100), Le(100)] = 0
    ray_cluster: RayCluster | None = None

    __repr__ = describe_changes

    @property
    def scored_by(self) -> tuple[Objective, ...]:
        """The objectives: those that are given, or the one of `objective_metric`."""
        if self.objectives:
            return self.objectives
        return (Objective(metric=self.objective_metric, direction=self.direction),)

    @property
    def pareto(self) -> bool:
        """True if several objectives are kept apart."""
        return len(self.objectives) > 1 and self.objectives[0].weight is None

    @property
    def resources(self) -> dict[str, Any]:
        """The record of a requested cluster."""
        return {"ray_cluster_requested": self.ray_cluster is not None}
