"""Evaluate trials: of each, the metrics of its segments, and what the statistics of luck need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import define, field

from glowback_trio.engine.trials.ground import Ground
from glowback_trio.engine.trials.one_by_one import LoneTrial, failure_sentence
from glowback_trio.engine.trials.plan import FULL, Splits, TrialOutcome, TrialPlan
from glowback_trio.engine.trials.splits import FoldSplit, fold_splits
from glowback_trio.errors import GlowbackError
from glowback_trio.model.bars import Dataset
from glowback_trio.model.request import BacktestRequest

__all__ = ["evaluate", "evaluate_in_turns"]

# Symbol-bars between two chances to stop, some ten milliseconds.
_TURN = 20_000


def _nothing() -> None:
    """The checkpoint of whoever never stops it."""


def _no_clock() -> float:
    return 0.0


def evaluate(
    base: BacktestRequest,
    dataset: Dataset,
    plans: Sequence[TrialPlan],
    *,
    objective: str = "sharpe_ratio",
    checkpoint: Callable[[], object] = _nothing,
    clock: Callable[[], float] = _no_clock,
) -> Iterator[TrialOutcome]:
    """Evaluate trials, and yield their outcomes in the order of the plans.

    The metrics of a segment are those of `backtest` for the same request and bars, to the last bit,
    but that data quality is counted over all bars.

    Args:
        base: The request that the trials' parameters are put into.
        dataset: The bars of all symbols that a trial may choose, within the range of `base`.
        plans: The trials.
        objective: The metric that splits are scored by, one of `RETURN_METRICS` if there are some.
        checkpoint: Called now and then; what it raises ends the work.
        clock: Gives the time in seconds, for `duration_s`.
    """
    turns = evaluate_in_turns(
        base, dataset, plans, objective=objective, checkpoint=checkpoint, clock=clock
    )
    for outcomes in turns:
        yield from outcomes


def evaluate_in_turns(
    base: BacktestRequest,
    dataset: Dataset,
    plans: Sequence[TrialPlan],
    *,
    objective: str,
    checkpoint: Callable[[], object],
    clock: Callable[[], float],
) -> Iterator[Sequence[TrialOutcome]]:
    """Evaluate trials as `evaluate` does, some ten milliseconds of work at a time.

    Yields:
        The outcomes that are ready after each turn, often none.
    """
    evaluation = _Evaluation(base, Ground(dataset), objective, checkpoint, clock)
    done, ready = 0, list[TrialOutcome]()
    for plan in plans:
        started = clock()
        trial = LoneTrial(plan, base, evaluation.ground, checkpoint)
        for bars in trial.slices():
            done += bars
            if done >= _TURN:
                yield ready
                done, ready = 0, []
        ready.append(evaluation.outcome(trial, started))
    yield ready


@define(eq=False)
class _Evaluation:
    """What the trials of one call have in common."""

    base: BacktestRequest
    ground: Ground
    objective: str
    checkpoint: Callable[[], object]
    clock: Callable[[], float]
    _splits: dict[tuple[int, Splits], Sequence[FoldSplit]] = field(factory=dict, init=False)

    def outcome(self, trial: LoneTrial, started: float) -> TrialOutcome:
        """Return the outcome of a trial that has ended."""
        number, full = trial.plan.trial_number, trial.runs.get(FULL)
        if trial.error is not None:
            return TrialOutcome(
                trial_number=number, error=trial.error, duration_s=self.clock() - started
            )
        free = self.base.risk_free_rate
        scores: Sequence[tuple[float | None, float | None]] = ()
        if trial.plan.splits is not None and full is not None:
            try:
                splits = self._divided(len(full.value) - 1, trial.plan.splits)
            except GlowbackError as error:
                return TrialOutcome(
                    trial_number=number,
                    error=failure_sentence(error),
                    duration_s=self.clock() - started,
                )
            scores = full.scores(splits, self.objective, free)
        return TrialOutcome(
            trial_number=number,
            metrics=trial.metrics,
            split_scores=scores,
            sketch=None if full is None else full.sketch(free),
            duration_s=self.clock() - started,
        )

    def _divided(self, returns: int, splits: Splits) -> Sequence[FoldSplit]:
        key = returns, splits
        if key not in self._splits:
            self._splits[key] = fold_splits(returns, splits)
        return self._splits[key]
