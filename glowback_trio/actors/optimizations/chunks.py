"""Chunks: trials that are sent together to where they are evaluated."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import trio
from attrs import define, field, frozen

from glowback_trio.engine.trials.plan import TrialOutcome, TrialPlan

__all__ = ["Chunk", "ChunkQueue"]

# Seconds of work in a chunk: short for who waits for a slot, long compared with its way there.
_AIM_S = 0.25
_FIRST = 8
# The outcomes of a chunk come back in one message, which the event loop reads in one step.
_MOST = 64


@frozen
class Chunk:
    """Consecutive trials.

    Attributes:
        first: Place of the first of them among all that are evaluated.
        plans: The trials.
        losses: How many workers have died while they had them.
    """

    first: int
    plans: Sequence[TrialPlan]
    losses: int = 0

    def halves(self) -> Sequence[Chunk]:
        """Return both halves; the chunk itself if it is a single trial."""
        middle = len(self.plans) // 2
        if not middle:
            return [Chunk(self.first, self.plans, self.losses + 1)]
        return [
            Chunk(self.first, self.plans[:middle]),
            Chunk(self.first + middle, self.plans[middle:]),
        ]


@define(eq=False)
class ChunkQueue:
    """Trials on their way: those that wait, those under way, and outcomes that came too early.

    Its size follows the time that trials take. Outcomes leave it in the order in which plans came,
    so nobody sees how they were cut.

    Args:
        lanes: How many take chunks.
    """

    _lanes: int
    _waiting: deque[TrialPlan] = field(factory=deque, init=False)
    _again: deque[Chunk] = field(factory=deque, init=False)
    _size: int = field(default=_FIRST, init=False)
    #: Places of the next plan to be sent, and of the next outcome to leave.
    _sent: int = field(default=0, init=False)
    _left: int = field(default=0, init=False)
    _early: dict[int, TrialOutcome] = field(factory=dict, init=False)
    _filled: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)
    _arrived: trio.Event = field(factory=trio.Event, init=False)

    @property
    def room(self) -> int:
        """Number of further plans that it wants, so that no lane has to wait."""
        return max(0, 2 * self._lanes * self._size - len(self._waiting) - len(self._early))

    @property
    def out(self) -> int:
        """Number of trials that have been sent and have not come back."""
        return self._sent - self._left - len(self._early)

    def put(self, plans: Sequence[TrialPlan]) -> None:
        """Add plans."""
        self._waiting += plans
        self._filled.unpark_all()

    async def take(self) -> Chunk:
        """Wait for the next chunk."""
        while not (self._waiting or self._again):
            await self._filled.park()
        if self._again:
            return self._again.popleft()
        # Spread over the lanes where there is little.
        count = min(self._size, -(-len(self._waiting) // self._lanes))
        plans = [self._waiting.popleft() for _ in range(count)]
        chunk = Chunk(self._sent, plans)
        self._sent += count
        return chunk

    def send_again(self, chunks: Sequence[Chunk]) -> None:
        """Have chunks evaluated once more, before all others."""
        self._again += chunks
        self._filled.unpark_all()

    def arrive(self, chunk: Chunk, outcomes: Sequence[TrialOutcome]) -> None:
        """Take the outcomes of a chunk."""
        self._early.update(enumerate(outcomes, start=chunk.first))
        seconds = sum(outcome.duration_s for outcome in outcomes)
        fitting = int(_AIM_S * len(outcomes) / seconds) if seconds > 0 else _MOST
        # Not at once: the first trials may have been unlike all others.
        self._size = max(1, min(fitting, 4 * self._size, _MOST))
        self._arrived.set()

    def leave(self, most: int) -> Sequence[TrialOutcome]:
        """Return the next outcomes, as many as there are, `most` at most."""
        self._arrived = trio.Event()
        found: list[TrialOutcome] = []
        while len(found) < most and self._left in self._early:
            found.append(self._early.pop(self._left))
            self._left += 1
        return found

    async def wait(self) -> None:
        """Wait for further outcomes."""
        await self._arrived.wait()
