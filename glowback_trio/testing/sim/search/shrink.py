"""Make the deviations that break a program as few as possible."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from glowback_trio.testing.sim.loop.choices import DRAW, FAULTS, Deviation, Script
from glowback_trio.testing.sim.search.rounds import Bench, Round
from glowback_trio.testing.sim.search.strategies import rare

__all__ = ["shrunk"]

Plan = tuple[Deviation, ...]

# Rounds and task steps that shrinking may cost, beyond which it takes what it has.
_BUDGET = 1500
_STEPS = 2_000_000


# Rounds that look for another way to the same end.
_OTHERS = 300


class _Spent(Exception):  # noqa: N818 - it ends a loop, nobody sees it
    """Raised when the rounds of the budget are used up."""


class _Trial:
    """Tries plans, and keeps the smallest that ends as the finding does.

    Attributes:
        plan: The smallest plan so far.
    """

    def __init__(self, bench: Bench, found: Round, budget: int) -> None:
        self._bench = bench
        self._sign = found.sign
        self._left = budget
        self._steps_left = _STEPS
        self._tried: set[Plan] = set()
        self.plan: Plan = found.taken

    def fails(self, plan: Sequence[Deviation]) -> bool:
        """Run a plan. Return whether it is smaller and ends as the finding does; then keep it."""
        key = tuple(sorted(plan))
        if key in self._tried:
            return False
        self._tried.add(key)
        done = self.run(key)
        taken = tuple(sorted(done.taken))
        if done.sign != self._sign or _size(taken) >= _size(self.plan):
            return False
        self.plan = taken
        return True

    def find_another(self, script: Script) -> bool:
        """Run a round that may end as the finding does. Return whether it does so with less."""
        done = self._run(script)
        if done.sign != self._sign:
            return False
        kept, self.plan = self.plan, tuple(sorted(done.taken))
        try:
            _without_parts(self)
        finally:
            self.plan = min(self.plan, kept, key=_size)
        return self.plan is not kept

    def run(self, plan: Plan) -> Round:
        """Run a plan."""
        return self._run(Script(plan))

    def _run(self, script: Script) -> Round:
        if self._left <= 0 or self._steps_left <= 0:
            raise _Spent
        self._left -= 1
        done = self._bench.run(script)
        self._steps_left -= done.steps
        return done


def _size(plan: Plan) -> tuple[int, int, int, Plan]:
    """What is made small: how many deviations, how far from the default, how early."""
    return (
        len(plan),
        sum(each.which % DRAW for each in plan),
        sum(each.step for each in plan),
        plan,
    )


def shrunk(bench: Bench, found: Round, budget: int = _BUDGET) -> Plan:
    """Return the deviations that are needed to end as `found` did.

    Leaving out any single one of them ends otherwise, unless the budget was too small.
    """
    trial = _Trial(bench, found, budget)
    try:
        _without_parts(trial)
        _from_nothing(trial)
        _other_ways(trial, found.steps)
        _simpler(trial)
    except _Spent:
        pass
    return trial.plan


def _without_parts(trial: _Trial) -> None:
    """Leave out halves, quarters, and so on down to single deviations.

    Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE
    Transactions on Software Engineering 28(2), 2002.
    """
    if trial.plan and trial.fails(()):
        return
    size = len(trial.plan) // 2 or 1
    while trial.plan:
        if _leaves_out(trial, size):
            size = min(size, len(trial.plan))
        elif size == 1:
            return
        else:
            size //= 2


def _leaves_out(trial: _Trial, size: int) -> bool:
    """Leave out parts of one size, the last first, for later choices depend on earlier ones."""
    was = trial.plan
    start = len(was) - size
    while start > -size:
        plan = trial.plan
        trial.fails(plan[: max(start, 0)] + plan[start + size :])
        start = min(start, len(trial.plan)) - size
    return trial.plan != was


def _from_nothing(trial: _Trial) -> None:
    """Look for one deviation from the default that does it, where several are left."""
    for deviation in trial.plan if len(trial.plan) > 1 else ():
        trial.fails((deviation,))
    if len(trial.plan) <= 2:
        return
    faults = tuple(each for each in trial.plan if each.among == 0)
    for each in _single_runs(trial, faults):
        if trial.fails((*faults, each)):
            return


def _single_runs(trial: _Trial, faults: Plan) -> Iterator[Deviation]:
    done = trial.run(faults)
    for step, count in done.widths.items():
        yield from (Deviation(step, "run", each, count) for each in range(1, count))


def _other_ways(trial: _Trial, length: int) -> None:
    """Try rounds that deviate rarely, where more than two deviations are left."""
    kept = trial.plan
    for number in range(_OTHERS if len(kept) > 2 else 0):
        rng = random.Random(number)  # noqa: S311 - nothing secret
        faults = [each.what for each in kept if each.what in FAULTS]
        if trial.find_another(rare(rng, faults, length)) and len(trial.plan) <= 2:
            return


def _simpler(trial: _Trial) -> None:
    """Move each deviation nearer to the default, and earlier."""
    changes: tuple[Callable[[Deviation], Deviation], ...] = (
        lambda each: each._replace(which=each.which - each.which % DRAW + 1),
        lambda each: each._replace(which=each.which - 1),
        lambda each: each._replace(step=each.step // 2),
        lambda each: each._replace(step=each.step - 1),
    )
    place = 0
    while place < len(trial.plan):
        plan = trial.plan
        each = plan[place]
        if not any(
            changed.step > 0
            and changed.which % DRAW >= (1 if each.among else 0)
            and trial.fails((*plan[:place], changed, *plan[place + 1 :]))
            for changed in (change(each) for change in changes)
        ):
            place += 1
