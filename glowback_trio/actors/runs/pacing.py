"""Pacing: when a run may emit its next event."""

from __future__ import annotations

import trio
from attrs import define, field

__all__ = ["Pacer"]


@define(eq=False)
class Pacer:
    """A run's pace and its pauses, on trio's clock.

    Args:
        bars_per_s: How many bars the run emits per second; None: as many as it can.
    """

    bars_per_s: float | None
    #: Set by the one who ends the pause; None while the run is not paused.
    _resumed: trio.Event | None = field(default=None, init=False)
    _paused_at: float = field(default=0.0, init=False)
    #: When the elapsed time began to count. Pauses are added, so that it stands still in them.
    _began: float = field(default=0.0, init=False)
    #: The bar that was reached, or is waited for.
    bar: int = field(default=0, init=False)
    #: Set when another pace is set.
    _repaced: trio.Event = field(factory=trio.Event, init=False)

    @property
    def paused(self) -> bool:
        """True if the run is paused."""
        return self._resumed is not None

    def begin(self, at_bar: int = 0) -> None:
        """Count the run's elapsed time from now on, as if it had just reached a bar."""
        self.bar = at_bar
        self._began = trio.current_time() - self._elapsed(at_bar)

    def _elapsed(self, bar: float) -> float:
        return 0.0 if self.bars_per_s is None else bar / self.bars_per_s

    def set_pace(self, bars_per_s: float | None) -> None:
        """Go on at another pace from where the run is, as if it had come there at that pace."""
        now = trio.current_time() if self._resumed is None else self._paused_at
        reached = float(self.bar)
        if self.bars_per_s is not None:
            # The part of the wait for a bar that is over stays over.
            reached = min(max((now - self._began) * self.bars_per_s, self.bar - 1.0), reached)
        self.bars_per_s = bars_per_s
        self._began = now - self._elapsed(reached)
        self._repaced.set()
        self._repaced = trio.Event()

    def pause(self) -> None:
        """Let the run emit nothing until `resume`. Idempotent."""
        if self._resumed is None:
            self._resumed, self._paused_at = trio.Event(), trio.current_time()

    def resume(self) -> None:
        """Let the run go on where it was. Idempotent."""
        if self._resumed is None:
            return
        self._resumed.set()
        self._resumed = None
        # A run may be paused while it is queued, before its time began.
        self._began += trio.current_time() - max(self._paused_at, self._began)

    async def wait_resumed(self) -> None:
        """Wait while the run is paused. No checkpoint otherwise: emitting calls this often."""
        while self._resumed is not None:
            await self._resumed.wait()

    async def wait_due(self, bar: int) -> None:
        """Wait until the run's pace has reached a bar, counting from 0, and it is not paused."""
        self.bar = bar
        while self.bars_per_s is not None:
            due = self._began + self._elapsed(bar)
            if trio.current_time() >= due and self._resumed is None:
                return
            with trio.move_on_at(due):
                await self._repaced.wait()
            await self.wait_resumed()
