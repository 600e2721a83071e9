"""The work of an attempt: ask for trials, have them evaluated, tell what came of them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import trio
from attrs import define, evolve, field

from glowback_trio.actors.optimizations.attempt import Attempt
from glowback_trio.actors.optimizations.chunks import ChunkQueue
from glowback_trio.actors.optimizations.lanes import Lane, LostWorkError, computed
from glowback_trio.actors.optimizations.ledger import Ledger
from glowback_trio.actors.optimizations.results import replayed, result_of
from glowback_trio.actors.optimizations.trials import load_trials
from glowback_trio.actors.run_slots import RunSlots, SlotTurn
from glowback_trio.actors.runs.pacing import Pacer
from glowback_trio.border import Border
from glowback_trio.compute import Compute, Failed, Job, LoadJob, TrialsJob
from glowback_trio.data import Source
from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch
from glowback_trio.engine.trials.plan import TrialOutcome, TrialPlan
from glowback_trio.errors import DataError, GlowbackError
from glowback_trio.memory import Holding
from glowback_trio.model.bars import Dataset
from glowback_trio.model.events import EventDraft
from glowback_trio.model.ledger.family import Family, family_of
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.model.optimization.overlay import loading_request
from glowback_trio.model.optimization.request import LEARNING, OptimizationRequest
from glowback_trio.model.request import BacktestRequest
from glowback_trio.search.outcome.report import Report
from glowback_trio.search.study import Study
from glowback_trio.store import Store, TrialNote
from glowback_trio.store.cluster import FencedError, HeldElsewhereError

__all__ = ["Equipment", "Work"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

# Trials that are asked for, and told, in a row: a millisecond of work.
_ASKED_PER_TURN = 16
_TOLD_PER_TURN = 8
# What a trial with its sketch takes in memory, roughly.
_TRIAL_BYTES = 4096


@define(eq=False)
class Equipment:
    """The equipment that the work of every optimization needs.

    Attributes:
        store: Where it is kept.
        source: Where bars come from.
        compute: Where trials are evaluated.
        slots: Their slots.
        ledger: Where trials are entered.
        held: Makes what counts the memory that trials take.
        submit: Submits a run for an owner, once for each key, and returns its id.
    """

    store: Store
    source: Source
    compute: Compute
    slots: RunSlots
    ledger: Ledger
    held: Callable[[], Holding]
    submit: Callable[[BacktestRequest, str, str], Awaitable[str]] = field(init=False)


@define(eq=False)
class Work:
    """The work of one attempt, in one task and one lane for each chunk that is under way.

    Args:
        request: The optimization's request.
        attempt: The attempt.
        earlier: The attempts before it.
        equipment: What it needs.
        pacer: Says when it is paused.
        turn: The turns of its first lane.
    """

    _request: OptimizationRequest
    _attempt: Attempt
    _earlier: Sequence[Attempt]
    _equipment: Equipment
    _pacer: Pacer
    _turn: SlotTurn
    _turns: list[SlotTurn] = field(factory=list, init=False)
    _queue: ChunkQueue | None = field(default=None, init=False)
    _held: Holding = field(init=False)
    #: What is waited for after the end has been written.
    _lanes: trio.Nursery = field(init=False)
    #: What the ledger counts the trials by.
    _family: Family = field(init=False)
    _dataset: str = field(default="", init=False)
    #: The bars, until the end: what lanes leave behind must not hold them.
    _bars: Dataset | None = field(default=None, init=False)
    _sketches: dict[int, ReturnsSketch] = field(factory=dict, init=False)
    #: How many drafts of validations there were.
    _validated: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._turns.append(self._turn)
        self._held = self._equipment.held()
        self._family = family_of(type(self._request.base_backtest.strategy))
        if self._pacer.paused:
            self._turn.pause()

    @property
    def under_way(self) -> int:
        """Number of trials that are being evaluated."""
        return 0 if self._queue is None else self._queue.out

    def pause(self) -> None:
        """Lay all chunks aside."""
        for turn in self._turns:
            turn.pause()

    def resume(self) -> None:
        """Go on with them."""
        for turn in self._turns:
            turn.resume()

    async def carry_out(self) -> None:
        """Be the attempt's task: wait for a slot, work, tell, end.

        However it ends, its log gets a terminal event, unless it survives its gateway. That is
        written at once; chunks in the middle of a step, and what is thought out in a thread, are
        waited for afterwards.
        """
        course = self._attempt.course
        try:
            async with trio.open_nursery() as lanes:
                self._lanes = lanes
                try:
                    with course.scope, Border(self.fail):
                        await self._complete()
                    await course.claim_end()
                finally:
                    # Synchronous, so that a cancellation from outside cannot interrupt it.
                    course.stop()
                    lanes.cancel_scope.cancel()
        finally:
            self._let_go()
            for turn in self._turns:
                turn.end()

    def _let_go(self) -> None:
        """Free what is needed no longer: the optimization keeps the work for its status."""
        self._bars = self._queue = None
        self._sketches = {}
        self._held.grow_to(0)

    def fail(self, error: BaseException) -> None:
        """End the attempt because of an error in its tasks."""
        course = self._attempt.course
        if not course.tenure.ours or isinstance(error, FencedError | HeldElsewhereError):
            course.fail(error)
        elif isinstance(error, LostWorkError):
            course.give_up(error.step)
        elif isinstance(error, GlowbackError) and self._attempt.needs_task:
            course.give_up(Failed(str(error)))
        else:
            course.fail(error)
        course.scope.cancel()

    async def _complete(self) -> None:
        await self._turn.wait()
        if not await self._attempt.course.hold(self._equipment.store.flush):
            return  # another gateway has taken it
        await self._pacer.wait_resumed()
        if self._attempt.newest.state is OptimizationState.PENDING:
            self._attempt.writer.announce(OptimizationState.RUNNING)
        self._turn.rest()
        study = await self._study()
        await self._load()
        if study.trials:
            await self._check_bars()
        self._open_lanes()
        await self._evaluate(study)
        await self._conclude(study)

    async def _load(self) -> None:
        loading = loading_request(self._request.base_backtest, self._request.search_space)
        bars = await self._compute(LoadJob(loading, self._equipment.source))
        assert isinstance(bars, Dataset), "the answer of a loading"
        self._dataset = f"sha256:{await self._thought(bars.digest)}"
        self._bars = bars

    async def _check_bars(self) -> None:
        """Check that the trials so far were made on these bars: others cannot be compared.

        Raises:
            DataError: They were made on others.
        """
        optimization_id = self._attempt.newest.optimization_id
        if await self._equipment.ledger.datasets_of(optimization_id) - {self._dataset}:
            raise DataError(
                "The bars are not those of the trials so far, so the optimization cannot go on "
                "with them: begin a new one, or bring the price files back and resume it"
            )

    async def _study(self) -> Study:
        """Return the study as the trials leave it that were told before."""
        for attempt in self._earlier:
            await attempt.course.wait_finished()
        trials = [*await load_trials(self._earlier), *self._attempt.told.trials]
        self._held.grow_to(len(trials) * _TRIAL_BYTES)
        notes = await self._equipment.store.optimizations.notes(
            self._attempt.newest.optimization_id
        )
        self._sketches = {
            note.trial_number: ReturnsSketch(note.sketch) for note in notes if note.sketch
        }
        self._attempt.told.trials.clear()
        # A space may have a million combinations to look through.
        return await self._thought(partial(Study.restored, self._request, trials))

    async def _compute(self, job: Job) -> object:
        return await computed(self._equipment.compute, job, self._turn)

    def _open_lanes(self) -> None:
        """Start as many lanes as may and can be at work at once."""
        slots = self._equipment.slots
        count = min(self._request.concurrency, slots.slots)
        self._queue = ChunkQueue(count)
        self._turns += [slots.further(self._turn) for _ in range(count - 1)]
        if self._pacer.paused:
            self.pause()
        for turn in self._turns:
            lane = Lane(self._queue, turn, self._equipment.compute, self._job)
            self._lanes.start_soon(self._be_lane, lane)

    async def _be_lane(self, lane: Lane) -> None:
        with Border(self.fail):
            await lane.run()

    def _job(self, plans: Sequence[TrialPlan]) -> TrialsJob:
        assert self._bars is not None, "the bars come first"
        first, *_ = self._request.scored_by
        return TrialsJob(self._request.base_backtest, self._bars, plans, first.metric)

    async def _evaluate(self, study: Study) -> None:
        """Ask and tell until every trial is told."""
        assert self._queue is not None, "the lanes come first"
        while not study.told_all:
            await self._ask(study, self._queue)
            outcomes = self._queue.leave(_TOLD_PER_TURN)
            if outcomes:
                await self._tell(study, outcomes)
            elif not study.told_all:  # it may have found nothing to try
                await self._queue.wait()

    async def _ask(self, study: Study, queue: ChunkQueue) -> None:
        plans: list[TrialPlan] = []
        while len(plans) < queue.room and not study.asked_all:
            some = min(queue.room - len(plans), _ASKED_PER_TURN)
            if not (more := await self._by(partial(study.ask, some))):
                break  # a search that learns waits to be told
            plans += more
            await trio.lowlevel.checkpoint()
        # All at once, so that no lane takes the first few for all there are.
        queue.put(plans)

    async def _tell(self, study: Study, outcomes: Sequence[TrialOutcome]) -> None:
        """Tell some outcomes, and emit what comes of them in one step with the notes on them."""
        drafts = await self._by(partial(_told, study, outcomes))
        await self._pacer.wait_resumed()
        self._held.resize(self._held.size + len(outcomes) * _TRIAL_BYTES)
        shelf, status = self._equipment.store.optimizations, self._attempt.newest
        shelf.note_trials(status.optimization_id, [_note(each) for each in outcomes])
        self._sketches.update(
            {each.trial_number: each.sketch for each in outcomes if each.sketch is not None}
        )
        self._enter([None if each.sketch is None else each.sketch.sharpe for each in outcomes])
        self._emit(drafts)
        await self._equipment.store.wait_room()

    async def _by(self, function: Callable[[], T]) -> T:
        """Call what may think for long where a search learns, and then in a thread."""
        if self._request.strategy in LEARNING:
            return await self._thought(function)
        return function()

    async def _thought(self, function: Callable[[], T]) -> T:
        """Call what may think for seconds in a thread, of which the end of the attempt is free."""
        found: list[T] = []
        ready = trio.Event()

        async def think() -> None:
            with Border(self.fail):
                found.append(await trio.to_thread.run_sync(function))
                ready.set()

        self._lanes.start_soon(think)
        await ready.wait()
        return found[0]

    async def _conclude(self, study: Study) -> None:
        """Validate the winners, and keep the result before the end is announced."""
        await self._pacer.wait_resumed()
        if study.failure is not None:
            self._attempt.course.end(OptimizationState.FAILED, study.failure)
            return
        await self._validate(study)
        # Statistics of thousands of trials take a second or two.
        totals = await self._equipment.ledger.totals_of(self._family, self._dataset)
        report = await self._thought(partial(study.report, self._sketches, totals))
        report = await self._quoting(report)
        kept = await self._keep_best(study)
        result = result_of(self._attempt.newest, study, report, kept)
        await self._equipment.store.optimizations.keep_result(result)
        await self._pacer.wait_resumed()
        if alike := int(report.diagnostics.get("trials_alike") or 0):
            self._enter([], alike)
        self._attempt.course.end(OptimizationState.COMPLETED)

    async def _quoting(self, report: Report) -> Report:
        """Return the report with the hash that stands for the ledger as it is now."""
        ledger = self._equipment.ledger
        found = report.diagnostics.get("ledger")
        if found is None:
            return report
        damage = None if ledger.broken is None else ledger.broken.reason
        quoted = {**found, "head": await ledger.head(), "damage": damage}
        return evolve(report, diagnostics={**report.diagnostics, "ledger": quoted})

    def _enter(self, sharpes: Sequence[float | None], alike: int = 0) -> None:
        """Enter trials in the ledger."""
        self._equipment.ledger.record(
            sharpes,
            family=self._family,
            dataset=self._dataset,
            origin="optimization",
            origin_id=self._attempt.newest.optimization_id,
            owner=self._turn.owner,
            alike=alike,
        )

    async def _validate(self, study: Study) -> None:
        assert self._queue is not None, "the lanes come first"
        plans = await self._thought(study.validations)
        self._queue.put(plans)
        told = 0
        while told < len(plans):
            for outcome in self._queue.leave(_TOLD_PER_TURN):
                told += 1
                # The last one of many splits has them all measured.
                drafts = await self._thought(partial(study.tell_validation, outcome))
                # Those that an earlier gateway has told are in the log.
                new = max(0, self._attempt.told.validations - self._validated)
                self._validated += len(drafts)
                await self._pacer.wait_resumed()
                self._emit(drafts[new:])
            if told < len(plans):
                await self._queue.wait()

    async def _keep_best(self, study: Study) -> Sequence[str]:
        """Submit the best trials as runs; those that are refused are left out, and logged."""
        kept: list[str] = []
        optimization_id = self._attempt.newest.optimization_id
        for trial in study.leaders(self._request.keep_top):
            request = replayed(self._request, optimization_id, trial)
            key = f"{optimization_id} {trial.trial_id}"
            try:
                kept.append(await self._equipment.submit(request, self._turn.owner, key))
            except GlowbackError as error:
                _log.warning("%s of %s is not kept: %s", trial.trial_id, optimization_id, error)
        return kept

    def _emit(self, drafts: Sequence[EventDraft]) -> None:
        for draft in drafts:
            self._attempt.writer.emit(draft)
        self._equipment.store.optimizations.note_status(self._attempt.newest)


def _told(study: Study, outcomes: Sequence[TrialOutcome]) -> Sequence[EventDraft]:
    return [draft for outcome in outcomes for draft in study.tell(outcome)]


def _note(outcome: TrialOutcome) -> TrialNote:
    sketch = b"" if outcome.sketch is None else outcome.sketch.data
    return TrialNote(outcome.trial_number, outcome.duration_s, sketch)
