"""One search: which trials come next, and what those that are told mean for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from attrs import frozen

from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch
from glowback_trio.engine.trials.plan import TrialOutcome, TrialPlan
from glowback_trio.errors import DataError
from glowback_trio.model.events import EventDraft
from glowback_trio.model.ledger.totals import TrialTotals
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.search.evaluation import Evaluation
from glowback_trio.search.outcome.diagnostics import diagnostics
from glowback_trio.search.outcome.report import Report, manifest, replay_backtest
from glowback_trio.search.outcome.validation import Validation, validation_of
from glowback_trio.search.samplers.domain import identity
from glowback_trio.search.samplers.sampler import Candidate
from glowback_trio.search.search_events import (
    best_draft,
    generation_draft,
    note_draft,
    progress_draft,
    trial_draft,
)
from glowback_trio.search.split_searches import SplitSearch, split_searches
from glowback_trio.search.standings import Standings

__all__ = ["Study"]


@frozen
class _Batch:
    """Candidates that a sampler gave at once.

    Attributes:
        number: Number of the batch within the study, from 1.
        first: Number of its first trial.
        candidates: The candidates.
        search: The search they are of.
    """

    number: int
    first: int
    candidates: Sequence[Candidate]
    search: SplitSearch

    @property
    def last(self) -> int:
        """Number of its last trial."""
        return self.first + len(self.candidates) - 1


class Study:
    """One search, from the first trial to the last.

    It is deterministic and does nothing by itself: who owns it asks it for plans, has them
    evaluated somehow, and tells it the outcomes in the order of the trials' numbers. How many plans
    are asked for at once changes nothing in what it returns from `tell`. It may be used in any
    thread, but only in one at a time.

    Args:
        request: What to search; `request_problems` finds nothing wrong with it.
    """

    def __init__(self, request: OptimizationRequest) -> None:
        self._evaluation = Evaluation.of(request)
        self._request = request
        self._searches = deque(split_searches(self._evaluation))
        self._total = sum(search.sampler.total for search in self._searches)
        self._batches: deque[_Batch] = deque()  # not told completely
        self._made = 0  # candidates
        self._asked = 0  # plans given out
        self._generations = 0
        self._standings = Standings(self._evaluation.scoring)
        self._trials: list[Trial] = []
        self._failed = 0
        self._notes: list[str] = []
        self._history: list[EventDraft] = []
        self._past: Sequence[Trial] = ()  # what is taken over, while it is
        self._validation: Validation | None = None

    @classmethod
    def restored(cls, request: OptimizationRequest, trials: Sequence[Trial]) -> Study:
        """Return the study that has been told these trials; it goes on as that one would have.

        Args:
            request: Its request.
            trials: Its first trials, by their numbers from 1 without a gap.

        Raises:
            DataError: They are not the trials that the request leads to, which may happen when
                another version of the program made them.
        """
        study = cls(request)
        study._past = trials
        for trial in trials:
            study._history += study._take_over(trial)
        study._past = ()
        return study

    @property
    def total(self) -> int:
        """Trials that there will be, at most."""
        return self._total

    @property
    def trials(self) -> Sequence[Trial]:
        """All trials that have been told, by number."""
        return self._trials

    @property
    def best(self) -> Trial | None:
        """The best trial so far, of equal ones the earliest; None if there is none."""
        return self._standings.best

    @property
    def front(self) -> Sequence[int]:
        """Numbers of the trials that no other beats, where objectives are kept apart."""
        return self._standings.front

    def leaders(self, count: int) -> Sequence[Trial]:
        """Return the best trials, the best one first; fewer where fewer can win."""
        score = self._evaluation.scoring.score
        scored = [(score(each), each) for each in self._trials if each.split is None]
        ranked = [(known, each) for known, each in scored if known is not None and each.ranked]
        # Of equal ones the earliest comes first.
        ranked.sort(key=lambda one: one[0], reverse=True)
        return [each for _, each in ranked[:count]]

    @property
    def history(self) -> Sequence[EventDraft]:
        """The drafts that the trials had given with which a study was restored."""
        return self._history

    @property
    def asked_all(self) -> bool:
        """True if no plan is left to ask for; known once one has been asked for, or told."""
        return self._asked == self._made and not self._searches

    @property
    def told_all(self) -> bool:
        """True if every trial has been told, and no more will come."""
        return self.asked_all and len(self._trials) == self._made

    @property
    def failure(self) -> str | None:
        """Why the whole search has failed, as a sentence; None if it has not, or not yet."""
        if not self.told_all or self._failed < len(self._trials):
            return None
        if not self._trials:
            return "No combination of the parameters may be tried"
        return f"All optimization trials failed, the first one thus: {self._trials[0].error}"

    def ask(self, most: int) -> Sequence[TrialPlan]:
        """Return the next plans, in the order of their numbers.

        Args:
            most: How many at most.

        Returns:
            Fewer than that, or none, while a search that learns waits to be told, or if there are
            no more.
        """
        plans: list[TrialPlan] = []
        while len(plans) < most and self._refill():
            # All before it have been asked for: a batch is added only then.
            batch = self._batches[-1]
            self._asked += 1
            candidate = batch.candidates[self._asked - batch.first]
            plans.append(self._evaluation.plan(self._asked, candidate, batch.search.split))
        self._refill()  # so that it is known whether there are more
        return plans

    def tell(self, outcome: TrialOutcome) -> Sequence[EventDraft]:
        """Take the outcome of the next trial.

        Args:
            outcome: That of the trial after the last one that was told.

        Returns:
            The drafts of the events that it makes, in order.

        Raises:
            ValueError: It is of another trial, or of one that was not asked for.
        """
        number = len(self._trials) + 1
        if outcome.trial_number != number or number > self._asked:
            raise ValueError(f"trial {number} is next, not trial {outcome.trial_number}")
        batch = self._batches[0]
        candidate = batch.candidates[number - batch.first]
        return self._enter(self._evaluation.trial(number, candidate, batch.search.split, outcome))

    def validations(self) -> Sequence[TrialPlan]:
        """Return the winners of windows or splits on what was held out, once all trials are told.

        Their numbers count these plans, from 1; they are evaluated like trials, and told in this
        order by `tell_validation`. Asking again begins the validation anew.

        Raises:
            ValueError: Trials are missing.
        """
        if not self.told_all:
            raise ValueError("there are no winners before all trials are told")
        self._validation = validation_of(self._evaluation, self._trials)
        return self._validation.plans()

    def tell_validation(self, outcome: TrialOutcome) -> Sequence[EventDraft]:
        """Take the outcome of the next plan of `validations`, and return its events' drafts."""
        if self._validation is None:
            raise ValueError("no validation has been asked for")
        return self._validation.tell(outcome)

    def report(
        self, sketches: Mapping[int, ReturnsSketch], totals: TrialTotals | None = None
    ) -> Report:
        """Return the report on what was told so far; for many trials that takes seconds.

        Args:
            sketches: Sketches of the full runs of the trials, by number.
            totals: What the ledger knows of all trials ever made of this strategy on these bars,
                those of this search included; None if there is no ledger.
        """
        found = diagnostics(self._request, self._trials, self.best, sketches, totals)
        document = {} if self._validation is None else self._validation.document()
        mode = {"mode": self._request.validation_mode} if document else {}
        return Report(
            diagnostics=found,
            validation={**mode, **document},
            replay_backtest=replay_backtest(self._request, self.best),
            manifest=manifest(self._request, self._trials, self.best, found),
        )

    def _take_over(self, trial: Trial) -> Sequence[EventDraft]:
        number = len(self._trials) + 1
        if trial.trial_number != number or not self._refill():
            raise DataError(f"Trial {trial.trial_number} cannot be taken over as trial {number}")
        batch = self._batches[0]
        candidate = batch.candidates[number - batch.first]
        if identity(candidate.parameters) != identity(trial.parameters):
            raise DataError(
                f"Trial {number} was tried with {dict(trial.parameters)}, where this search tries "
                f"{candidate.parameters}: it was begun by another version; begin a new one"
            )
        self._asked = number
        return self._enter(trial)

    def _refill(self) -> bool:
        """Make sure that there is a candidate to ask for, if there can be, and return whether."""
        while self._asked == self._made and self._searches:
            search = self._searches[0]
            if search.sampler.learns and len(self._trials) < self._made:
                return False
            if candidates := self._retaken(search) or search.sampler.ask():
                self._add(search, candidates)
            else:
                self._searches.popleft()
                if search.sampler.shortfall:
                    self._notes.append(search.sampler.shortfall)
        return self._asked < self._made

    def _retaken(self, search: SplitSearch) -> Sequence[Candidate]:
        """Return the next batch from the trials of before a restart, if that is less work."""
        if not (search.sampler.learns and self._past[self._made :]):
            return []
        own = [each for each in self._past[self._made :] if each.split == search.split]
        return [Candidate(dict(each.parameters)) for each in own[: search.sampler.retake(own)]]

    def _add(self, search: SplitSearch, candidates: Sequence[Candidate]) -> None:
        self._generations += search.sampler.learns
        self._batches.append(_Batch(self._generations, self._made + 1, candidates, search))
        self._made += len(candidates)

    def _enter(self, trial: Trial) -> Sequence[EventDraft]:
        drafts: list[EventDraft] = []
        batch, number = self._batches[0], trial.trial_number
        if number == batch.first:
            drafts += self._beginning(batch)
        self._trials.append(trial)
        self._failed += trial.status == "failed"
        drafts.append(trial_draft(trial))
        previous = self._standings.best
        if self._standings.enter(trial):
            drafts.append(best_draft(trial, previous))
        if number == batch.last:
            self._batches.popleft()
            told = self._trials[batch.first - 1 :]
            scoring = self._evaluation.scoring
            batch.search.sampler.tell(told, [scoring.score(each) for each in told])
        return [*drafts, *self._ending()]

    def _beginning(self, batch: _Batch) -> Sequence[EventDraft]:
        """Return what comes before the first trial of a batch."""
        drafts: list[EventDraft] = []
        if batch.first == 1:
            drafts += map(note_draft, batch.search.sampler.refused)
            if self._evaluation.shortcoming:
                drafts.append(note_draft(self._evaluation.shortcoming, "warning"))
        if batch.search.sampler.learns:
            drafts.append(generation_draft(batch.number, batch.first, len(batch.candidates)))
        return drafts

    def _ending(self) -> Sequence[EventDraft]:
        """Return what comes after a trial: progress, and after the last one, what was left out."""
        done, steps = len(self._trials), self._request.progress_steps
        self._refill()
        ended = self.told_all
        drafts: list[EventDraft] = []
        if ended or done * steps // self._total > (done - 1) * steps // self._total:
            progress = 1.0 if ended else done / self._total
            completed = done - self._failed
            drafts.append(
                progress_draft(progress, completed=completed, failed=self._failed, most=self._total)
            )
        if ended and self.best is None and self.failure is None:
            drafts.append(note_draft(self._without_winner(), "warning"))
        return [*drafts, *map(note_draft, self._notes if ended else ())]

    def _without_winner(self) -> str:
        """Return why no trial wins, as a sentence."""
        completed = [trial for trial in self._trials if trial.status == "completed"]
        barred = sum(not trial.feasible for trial in completed)
        return (
            f"No trial can win: of {len(completed)} completed, {barred} break metric_constraints, "
            f"and the objective of {len(completed) - barred} is undefined"
        )
