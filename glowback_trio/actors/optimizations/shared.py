"""An attempt as the cluster sees it: this gateway carries it out, or follows who does."""

from __future__ import annotations

from attrs import frozen

from glowback_trio.actors.cluster.following import FollowedEnd
from glowback_trio.actors.cluster.tenure import Tenure
from glowback_trio.actors.optimizations.attempt import Attempt
from glowback_trio.actors.optimizations.optimization import Optimization
from glowback_trio.model.optimization.lifecycle import OptimizationStatus

__all__ = ["SharedAttempt"]


@frozen
class SharedAttempt:
    """The newest attempt of an optimization: see `Shared`."""

    _optimization: Optimization
    _attempt: Attempt

    @property
    def tenure(self) -> Tenure:
        """Who holds it."""
        return self._attempt.tenure

    @property
    def followed(self) -> FollowedEnd[OptimizationStatus]:
        """Its log, for following it."""
        return self._attempt.followed

    @property
    def needs_task(self) -> bool:
        """True if it has not ended."""
        return self._attempt.needs_task

    @property
    def finished(self) -> bool:
        """True if its end is durable."""
        return self._attempt.finished

    async def go_back(self) -> None:
        """Go back to what is durable of the log."""
        await self._attempt.go_back()

    def go_on(self, *, paused: bool) -> None:
        """Go on with what another gateway has left."""
        self._optimization.go_on(paused=paused)

    async def note_end(self) -> None:
        """Do nothing: the log says all."""

    def leave(self) -> None:
        """Tell the readers that this gateway adds nothing more."""
        self._attempt.leave()
