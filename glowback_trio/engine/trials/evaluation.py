"""Evaluate trials: of each, the metrics of its segments, and what the statistics of luck need."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress

from attrs import define, evolve, field

from glowback_trio.engine.kernel.choice import chosen
from glowback_trio.engine.trials.company.block import (
    Division,
    Tracks,
    TrialFindings,
    evaluate_block,
)
from glowback_trio.engine.trials.company.entrants import Admission, Entrant
from glowback_trio.engine.trials.ground import Ground
from glowback_trio.engine.trials.one_by_one import LoneTrial, failure_sentence
from glowback_trio.engine.trials.plan import FULL, Splits, TrialOutcome, TrialPlan
from glowback_trio.engine.trials.splits import FoldSplit, fold_splits
from glowback_trio.errors import GlowbackError
from glowback_trio.model.bars import Dataset
from glowback_trio.model.optimization.overlay import applied
from glowback_trio.model.request import BacktestRequest

__all__ = ["evaluate", "evaluate_in_turns"]

# Symbol-bars between two chances to stop, some ten milliseconds one by one; and those of a block,
# some tenth of a second.
_TURN, _BLOCK = 20_000, 1 << 21
_FEW = 3  # trials below which arrays do not pay; the kernel does for a single one


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
    but that data quality is counted over all bars. Trials of one built-in strategy on one symbol
    are evaluated together where that changes nothing but the time it takes.

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
    ground = Ground(dataset)
    evaluation = _Evaluation(base, ground, Tracks(ground), objective, checkpoint, clock)
    return evaluation.turns(plans)


@define(eq=False)
class _Evaluation:
    """One call's work."""

    _base: BacktestRequest
    _ground: Ground
    _tracks: Tracks
    _objective: str
    _checkpoint: Callable[[], object]
    _clock: Callable[[], float]
    _divided: dict[tuple[int, Splits], Sequence[FoldSplit]] = field(factory=dict, init=False)
    _admission: Admission = field(factory=Admission, init=False)
    #: Symbol-bars since the last turn.
    _done: int = field(default=0, init=False)

    def turns(self, plans: Sequence[TrialPlan]) -> Iterator[Sequence[TrialOutcome]]:
        """Evaluate trials in turns; those that stand beside each other and can, together."""
        block, most = list[Entrant](), 0
        for plan in plans:
            able = self._entrant(plan)
            if block and (able is None or len(block) >= most or not able.goes_with(block[0])):
                yield from self._together(block)
                block = []
            if able is None:
                yield from self._alone(plan)
                continue
            if not block:
                most = self._most(able)
            block.append(able)
        if block:
            yield from self._together(block)

    def _entrant(self, plan: TrialPlan) -> Entrant | None:
        if plan.keep_returns:
            return None  # a block has returns of the full range only
        try:
            return self._admission.entrant(plan, applied(self._base, plan.parameters))
        except Exception:  # noqa: BLE001 - it fails by itself, and says why
            return None

    def _most(self, one: Entrant) -> int:
        """Return how many trials make a block."""
        try:
            tracks = [self._tracks.on(one.request, each) for each in one.plan.segments]
        except GlowbackError:
            return _FEW
        return max(_FEW, _BLOCK // max(1, sum(map(len, tracks))))

    def _together(self, block: Sequence[Entrant]) -> Iterator[Sequence[TrialOutcome]]:
        """Evaluate a block; what arrays cannot, one by one."""
        started = self._clock()
        found = yield from self._by_arrays(block)
        took, self._done = (self._clock() - started) / len(block), 0
        ready: list[TrialOutcome] = []
        for one, own in zip(block, found, strict=True):
            if own is None:
                yield ready
                ready = []
                yield from self._alone(one.plan)
                continue
            ready.append(
                TrialOutcome(
                    trial_number=one.plan.trial_number,
                    metrics=own.metrics,
                    split_scores=own.scores,
                    sketch=own.sketch,
                    duration_s=took,
                )
            )
        yield ready

    def _by_arrays(
        self, block: Sequence[Entrant]
    ) -> Generator[tuple[()], None, Sequence[TrialFindings | None]]:
        splits, division = block[0].plan.splits, None
        if splits is not None:
            division = Division(lambda returns: self._splits(returns, splits), self._objective)
        if len(block) >= _FEW or chosen() is not None:
            # What goes wrong here goes wrong in each of them, and they say it one by one.
            with suppress(GlowbackError):
                found = yield from evaluate_block(block, self._tracks, division)
                return found
        return [None] * len(block)

    def _alone(self, plan: TrialPlan) -> Iterator[Sequence[TrialOutcome]]:
        """Evaluate one trial by itself."""
        started = self._clock()
        trial = LoneTrial(plan, self._base, self._ground, self._checkpoint)
        for bars in trial.slices():
            self._done += bars
            if self._done >= _TURN:
                yield ()
                self._done = 0
        yield [evolve(self._outcome(trial), duration_s=self._clock() - started)]

    def _outcome(self, trial: LoneTrial) -> TrialOutcome:
        number, full = trial.plan.trial_number, trial.runs.get(FULL)
        if trial.error is not None:
            return TrialOutcome(trial_number=number, error=trial.error)
        if full is None:
            return TrialOutcome(trial_number=number, metrics=trial.metrics, returns=trial.returns)
        free = self._base.risk_free_rate
        scores: Sequence[tuple[float | None, float | None]] = ()
        if trial.plan.splits is not None:
            try:
                splits = self._splits(len(full.value) - 1, trial.plan.splits)
            except GlowbackError as error:
                return TrialOutcome(trial_number=number, error=failure_sentence(error))
            scores = full.scores(splits, self._objective, free)
        return TrialOutcome(
            trial_number=number,
            metrics=trial.metrics,
            split_scores=scores,
            sketch=full.sketch(free),
            returns=trial.returns,
        )

    def _splits(self, returns: int, splits: Splits) -> Sequence[FoldSplit]:
        key = returns, splits
        if key not in self._divided:
            self._divided[key] = fold_splits(returns, splits)
        return self._divided[key]
