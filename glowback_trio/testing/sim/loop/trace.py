"""The trace of what happened in one round, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from glowback_trio.testing.sim.loop.choices import Deviation
from glowback_trio.testing.sim.loop.waits import Wait

__all__ = ["Step", "Trace", "parted_at"]


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of one task.

    Attributes:
        number: Counted from 1.
        time: Virtual seconds since the round began.
        task: The number of the task, in the order in which tasks were started.
        name: The name of the task.
        ready: How many tasks were ready, this one included.
        deviations: What differs from the default at this step.
        waits_at: Where the task waits afterwards; empty when it has ended.
        fault: The await or operation that a fault of this step hit; empty when there was none.
        asked: Deviation -> the name of what was chosen, where a `choose` gave one.
    """

    number: int
    time: float
    task: int
    name: str
    ready: int
    deviations: tuple[Deviation, ...]
    waits_at: str
    fault: str = ""
    asked: Mapping[Deviation, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """All steps of one round.

    Attributes:
        steps: In the order in which they were taken.
        ended: What the round ended with: empty, or the kind of a finding.
        waits: Where each task waited at the end of a deadlock or livelock, and for whom.
    """

    steps: tuple[Step, ...]
    ended: str = ""
    waits: tuple[Wait, ...] = ()


def parted_at(left: Trace, right: Trace) -> int:
    """Return the first step at which two rounds differ in who ran, what hit it or where it waits.

    0 where none does.
    """
    for number, (one, other) in enumerate(zip_longest(left.steps, right.steps), 1):
        if one is None or other is None or _sight(one) != _sight(other):
            return number
    return 0


def _sight(step: Step) -> tuple[int, float, str, str]:
    return step.task, step.time, step.waits_at, step.fault
