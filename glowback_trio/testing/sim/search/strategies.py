"""Ways through the space of schedules and faults.

A strategy is a generator: it yields the script of the next round and is sent what the round did.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

from glowback_trio.testing.sim.loop.choices import DRAW, Deviation, Script
from glowback_trio.testing.sim.search.rounds import Round

__all__ = ["STRATEGIES", "Coverage", "Strategy", "exhaustive", "pct", "rare", "shuffled"]

Strategy = Generator[Script, Round, None]

STRATEGIES = ("random", "pct", "exhaustive")

# How often a round of the random strategy deviates where it can. Rounds that deviate rarely hold a
# task back for long; rounds that deviate always shuffle.
_RATES = (1.0, 0.5, 0.2, 0.05)
# Changes of priority in a round of PCT: they find faults that need one more ordered pair than that.
_CHANGES = 2
# Steps that one task may take on end before it gets the lowest priority: it may poll.
_LONGEST_TURN = 50


def shuffled(seed: int, faults: Sequence[str]) -> Strategy:
    """Take the default first, then shuffle ready tasks, with one fault in most rounds."""
    done = yield Script()
    length = done.steps
    number = 0
    while True:
        number += 1
        rng = random.Random(f"{seed}:{number}")  # noqa: S311 - nothing secret
        rate = _RATES[int(rng.random() * len(_RATES))]

        done = yield _with_fault(rng, faults, length, _shuffle(rng, rate), rate)
        length = max(length, done.steps) if not done.kind else length


def _shuffle(rng: random.Random, rate: float) -> Callable[[Sequence[Any], int], int]:
    def pick(ready: Sequence[Any], _: int) -> int:
        return int(rng.random() * len(ready)) if rng.random() < rate else 0

    return pick


def pct(seed: int, faults: Sequence[str]) -> Strategy:
    """Take the default first, then run the task of the highest priority, which changes twice.

    Source: Burckhardt, Kothari, Musuvathi and Nagarakatte, "A randomized scheduler with
    probabilistic guarantees of finding bugs", ASPLOS 2010.
    """
    done = yield Script()
    length = done.steps
    number = 0
    while True:
        number += 1
        rng = random.Random(f"pct:{seed}:{number}")  # noqa: S311 - nothing secret
        done = yield _with_fault(rng, faults, length, _Priorities(rng, length).pick, 0.2)
        length = max(length, done.steps) if not done.kind else length


class _Priorities:
    """The priorities of the tasks in one round."""

    def __init__(self, rng: random.Random, length: int) -> None:
        self._rng = rng
        self._changes = sorted(1 + int(rng.random() * length) for _ in range(_CHANGES))
        self._priorities: dict[Any, float] = {}
        self._lowest = 0.0
        self._runs = (None, 0)

    def pick(self, ready: Sequence[Any], step: int) -> int:
        """Return the place of the ready task with the highest priority."""
        for task in ready:
            if task not in self._priorities:
                self._priorities[task] = 1.0 + self._rng.random()
        best = max(ready, key=self._priorities.__getitem__)
        if (self._changes and step >= self._changes[0]) or self._is_long(best):
            del self._changes[:1]
            self._lowest -= 1.0
            self._priorities[best] = self._lowest
            best = max(ready, key=self._priorities.__getitem__)
        return ready.index(best)

    def _is_long(self, task: Any) -> bool:
        last, times = self._runs
        self._runs = (task, times + 1 if task is last else 1)
        return self._runs[1] > _LONGEST_TURN


def rare(rng: random.Random, faults: Sequence[str], length: int) -> Script:
    """Return the script of a round that deviates about twice, with one of the faults if any."""
    rate = 2 / max(length, 2)
    return _with_fault(rng, faults, length, _shuffle(rng, rate), rate)


def _with_fault(
    rng: random.Random, faults: Sequence[str], length: int, pick: Any, rate: float
) -> Script:
    kinds = ("", *faults)
    # One round in four at most goes without a fault.
    kind = (
        kinds[int(rng.random() * len(kinds))] if rng.random() < 0.5 else rng.choice(faults or kinds)
    )
    return Script(
        pick=pick,
        draw=lambda count: int(rng.random() * count) if rng.random() < rate else 0,
        pending=kind or None,
        pending_from=1 + int(rng.random() * max(length, 1)),
    )


class Coverage:
    """How much of a bounded space has been tried.

    Attributes:
        bound: The largest number of deviations tried.
        is_complete: Whether every round with at most so many deviations has been run.
    """

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.is_complete = False


def exhaustive(faults: Sequence[str], coverage: Coverage) -> Strategy:
    """Take every round with one deviation from the default, then every one with two, and so on.

    At most one fault strikes in a round.
    """
    # The rounds of one level whose deviations can be followed by more.
    level: list[tuple[tuple[Deviation, ...], Round]] = [((), (yield Script()))]
    for depth in range(1, coverage.bound + 1):
        after = []
        for plan, done in level:
            # One at a time: a list of all would be long, and slow down each collection of garbage.
            for each in _alternatives(plan, done, faults):
                longer = (*plan, each)
                done_longer = yield Script(longer)
                if depth < coverage.bound:
                    after.append((longer, done_longer))
        level = after
    coverage.is_complete = True


def _alternatives(
    plan: tuple[Deviation, ...], done: Round, faults: Sequence[str]
) -> Iterator[Deviation]:
    """Return every deviation that could follow the last one of a plan."""
    last = _moment(plan[-1]) if plan else (0, 0, 0)
    if not any(each.what in faults for each in plan):
        yield from (each for each in _possible_faults(done, faults) if _moment(each) > last)
    for step, count in done.widths.items():
        if (step, 1, 0) > last:
            yield from (Deviation(step, "run", each, count) for each in range(1, count))
    for step, number, count in done.draws:
        if (step, 3, number) > last:
            first = number * DRAW
            yield from (Deviation(step, "choose", first + each, count) for each in range(1, count))


def _moment(each: Deviation) -> tuple[int, int, int]:
    """Return when in a round a deviation happens: plans hold them in this order."""
    if each.what in {"closed", "broken"}:
        return (each.step, 2, each.which)
    if each.what == "choose":
        return (each.step, 3, each.which // DRAW)
    return (each.step, 1 if each.what == "run" else 0, 0)


def _possible_faults(done: Round, faults: Sequence[str]) -> Iterator[Deviation]:
    for what in faults:
        if what == "timeout":
            yield from (Deviation(step, what) for step in done.deadlines)
        elif what in {"closed", "broken"}:
            for step, index, kinds in done.operations:
                if what in kinds:
                    yield Deviation(step, what, index)
        else:
            yield from (Deviation(step, what) for step in range(1, done.steps + 1))
