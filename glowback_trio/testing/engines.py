"""Engines whose progress belongs to the test: by a script, or released bar by bar."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from itertools import groupby
from typing import Any

import trio
from attrs import define, field, frozen

from glowback_trio.compute import Job, Step
from glowback_trio.compute.steps import Done, Failed, Progressed
from glowback_trio.compute.turns import UNSHARED, Turn
from glowback_trio.model.events import EventDraft, EventType
from glowback_trio.wire.json_text import dumps

__all__ = ["BarRelease", "Scripted", "ScriptedEngine"]


@frozen
class Scripted:
    """An event of a script.

    Attributes:
        at_s: Virtual seconds after the run has begun.
        type: Type of the event, such as `log`.
        payload: Its payload.
    """

    at_s: float
    type: EventType
    payload: Mapping[str, Any]


@frozen
class ScriptedEngine:
    """A compute whose runs emit the events of a script, at their times, and then end.

    A run completes with the result of its real request, or fails where `error` is given.

    Attributes:
        script: The events, in order of time.
        end_s: Virtual seconds after which the run ends, at least those of the last event.
        error: The sentence with which the run fails; None: it completes.
    """

    script: Sequence[Scripted]
    end_s: float = 0.0
    error: str | None = None

    @property
    def slots(self) -> None:
        """Any number of runs may be at work at once."""

    def opened(self) -> AbstractAsyncContextManager[None]:
        """Keep nothing."""
        return nullcontext()

    async def run_job(
        self, job: Job, send: trio.MemorySendChannel[Step], turn: Turn = UNSHARED
    ) -> None:
        """Send the script."""
        async with send:
            await turn.wait()
            began = trio.current_time()
            for each in self.script:
                await trio.sleep_until(began + each.at_s)
                draft = EventDraft(each.type, dumps(each.payload), bar=0)
                await turn.pass_on(Progressed([draft]), send)
            await trio.sleep_until(began + self.end_s)
            await turn.pass_on(self._end(job), send)

    def _end(self, job: Job) -> Step:
        if self.error is not None:
            return Failed(self.error)
        return next(step for step in job.steps(_never) if isinstance(step, Done | Failed))


@define(eq=False)
class BarRelease:
    """A compute whose runs go on only as far as the test lets them, bar by bar.

    All its runs share the bars that are released.

    Attributes:
        released: How many bars have been released so far.
    """

    released: float = 0
    _changed: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

    def release(self, bars: float = 1) -> None:
        """Let runs emit the events of some more bars; `math.inf` for the rest."""
        self.released += bars
        self._changed.unpark_all()

    @property
    def slots(self) -> None:
        """Any number of runs may be at work at once."""

    def opened(self) -> AbstractAsyncContextManager[None]:
        """Keep nothing."""
        return nullcontext()

    async def run_job(
        self, job: Job, send: trio.MemorySendChannel[Step], turn: Turn = UNSHARED
    ) -> None:
        """Work on the event loop, and hold back the events of bars that are not released."""
        async with send:
            await turn.wait()
            for bar, step in _by_bar(job.steps(_never)):
                while self.released <= bar:
                    await self._changed.park()
                await turn.pass_on(step, send)


def _by_bar(steps: Iterator[Step]) -> Iterator[tuple[float, Step]]:
    """Return steps with the bar they wait for; the end waits for that of the last event."""
    last = -math.inf
    for step in steps:
        if not isinstance(step, Progressed):
            yield last, step
            continue
        for bar, drafts in groupby(step.drafts, lambda draft: draft.bar):
            last = bar
            yield bar, Progressed(tuple(drafts))


def _never() -> None:
    """Have no checkpoint within a step."""
