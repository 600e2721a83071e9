"""Follow a task of the cluster in a thread, since Ray waits by blocking one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import numpy as np
import trio
from attrs import define, field

from glowback_trio.compute.process.frames import Kind, unpack_progress, unpack_value
from glowback_trio.compute.process.limits import WorkerLimits
from glowback_trio.compute.ray.endings import why_lost
from glowback_trio.compute.ray.items import Item, unpack_item
from glowback_trio.compute.steps import Failed, Progressed, Step

__all__ = ["Follower", "set_soon"]

_GAP = "A part of what the run has computed was lost on its way from the Ray node"


def set_soon(event: trio.Event, token: trio.lowlevel.TrioToken) -> None:
    """Set an event from any thread; do nothing if its loop is over."""
    with suppress(trio.RunFinishedError):
        token.run_sync_soon(event.set)


@define(eq=False)
class Follower:
    """Follows one attempt at a job.

    Args:
        ray: Ray's module.
        stream: What the task yields.
        attempt: Number of the attempt.
        limits: What the job may use.
        begin: Called in trio's thread once the task has begun.
        pass_on: Takes steps, in trio's thread.
        over: Set when the thread has ended.
    """

    ray: Any
    stream: Any
    attempt: int
    limits: WorkerLimits
    begin: Callable[[], object]
    pass_on: Callable[[Step], Awaitable[object]]
    over: trio.Event = field(factory=trio.Event, init=False)
    #: Number of the item that comes next.
    _number: int = field(default=0, init=False)
    _token: trio.lowlevel.TrioToken = field(factory=trio.lowlevel.current_trio_token, init=False)

    def last_step(self) -> Step:
        """Be the thread: pass on steps until the task has ended; return the last one."""
        last: Step | None = None
        try:
            # To the end, and only then is the last step passed on: a reader that leaves costs the
            # node no process.
            for reference in self.stream:
                item = unpack_item(self.ray.get(reference))
                if self._is_next(item):
                    last = self._taken(item)
        except self.ray.exceptions.RayError as error:
            lost = Failed(why_lost(error, self.limits), lost=True)
            return last or lost
        finally:
            set_soon(self.over, self._token)
        return last or Failed(_GAP, lost=True)

    def _is_next(self, item: Item) -> bool:
        """Return True for the next item of this attempt; of others none is ever taken."""
        if (item.attempt, item.number) != (self.attempt, self._number):
            return False
        self._number += 1
        return True

    def _taken(self, item: Item) -> Step | None:
        """Pass on what an item carries; return the step if it is the last one."""
        match item.kind:
            case Kind.TAKEN:
                trio.from_thread.run_sync(self.begin)
            case Kind.DRAFTS:
                trio.from_thread.run(self.pass_on, Progressed(*unpack_progress(item.body)))
            case Kind.LAST:
                # Its arrays are views, which want an aligned beginning.
                body = np.empty(item.body.nbytes, np.uint8)
                body[:] = np.frombuffer(item.body, np.uint8)
                step: Step = unpack_value(body.data)
                return step
        return None
