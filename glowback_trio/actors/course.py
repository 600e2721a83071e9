"""The way of what has a log to its end: by itself, by a cancellation, an error or a closing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic

import trio
from attrs import define, field

from glowback_trio.actors.broadcaster import GOES_ON, Broadcaster
from glowback_trio.actors.cluster.tenure import Tenure
from glowback_trio.actors.log_writer import LogWriter, S, log_failure, log_late_error
from glowback_trio.border import Border
from glowback_trio.compute import Failed, fault_step
from glowback_trio.errors import GatewayClosedError, LogError, StoreError
from glowback_trio.store.cluster import FencedError, HeldElsewhereError

__all__ = ["Course"]

# Seconds after which a log that did not take its end is asked again.
_RETRY_S = 1.0


@define(eq=False)
class Course(Generic[S]):
    """The end of a run or an attempt: whether it has come, how, and its cause.

    Its log gets a terminal event however it ends, unless it survives its gateway.

    Args:
        what: What it is, for the log of the program, such as `Run 7`.
        broadcaster: Its log as readers see it.
        writer: Appends to the log.
        lasts: Returns whether the next gateway on the store goes on with it, if nothing ends it.
        tenure: Whether this gateway may write its end.
    """

    _what: str
    broadcaster: Broadcaster
    writer: LogWriter[S]
    _lasts: Callable[[S], bool]
    tenure: Tenure
    #: Cancelled when the work is to stop.
    scope: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    #: The reason of the first `cancel`.
    _reason: str | None = field(default=None, init=False)
    #: What ended it, from the moment that it was known.
    _failure: str | None = field(default=None, init=False)
    #: Traceback of the code that failed, as text: for its author, so never in the log.
    traceback: str = field(default="", init=False)
    #: True if its task has stopped, and the next gateway goes on with it.
    _left: bool = field(default=False, init=False)
    _ended: trio.Event = field(factory=trio.Event, init=False)

    @property
    def survives(self) -> bool:
        """True if the next gateway on its store goes on with it."""
        ends = self.writer.finished or self._reason is not None or bool(self._failure)
        return not ends and self._lasts(self.writer.newest)

    async def wait_finished(self) -> None:
        """Wait for the end, as durable as the store promises.

        Raises:
            GatewayClosedError: The gateway has closed; the next one on the store goes on.
        """
        await self._ended.wait()
        # A store may still be writing the terminal event.
        while not self.writer.ended:
            if self._left:
                raise GatewayClosedError(GOES_ON)
            await self.broadcaster.wait_ring()

    def cancel(self, reason: str) -> None:
        """Cancel it. The first reason counts; after the end this does nothing."""
        # What has ended stays as it ended: the terminal event is in the log.
        if self._reason is None and not self.writer.finished:
            self._reason = reason
            self.scope.cancel(reason)

    def close(self, reason: str) -> None:
        """Stop it without an end if it survives its gateway; otherwise cancel it."""
        if self.survives or not self.tenure.ours:
            self._left = True
            self.scope.cancel(reason)
            self.tenure.stop_following()
        else:
            self.cancel(reason)
        if self.tenure.shared:
            self.broadcaster.ring()  # its task may wait for an end that will not become durable

    def stop(self) -> None:
        """End it if nothing else has, or leave it to the next gateway: its work is over."""
        if not self.tenure.ours:
            return  # another gateway goes on with it, or this one does in a moment
        self._left = self.survives or not (self.tenure.here or self.writer.finished)
        if self._left:
            self.leave()
        elif not self.writer.finished:
            self.cut_off()

    @property
    def left(self) -> bool:
        """True if this gateway adds nothing more, and it has not ended."""
        return self._left and not self.writer.finished

    def leave(self) -> None:
        """Leave it to another gateway: this one tells its readers nothing more."""
        self._left = True
        self.broadcaster.break_off()
        self._ended.set()

    async def hold(self, flush: Callable[[], Awaitable[object]]) -> bool:
        """Hold it for good once it is stored; True if this gateway does.

        Args:
            flush: Waits until what was handed over is stored.
        """
        # The others find only what is stored.
        tenure = self.tenure
        while tenure.shared and not tenure.elsewhere and self.broadcaster.log.watermark == 0:
            try:
                await flush()
            except StoreError:
                await trio.sleep(_RETRY_S)
        return await tenure.claim()

    async def wait_stored(self, flush: Callable[[], Awaitable[object]]) -> None:
        """Wait until its log has begun in the store.

        Args:
            flush: Waits until what was handed over is stored.

        Raises:
            StoreError: The store cannot be written at the moment; or this gateway was cut off from
                it, and nobody goes on with it.
        """
        log = self.broadcaster.log
        while log.watermark == 0:
            if self._left:
                raise StoreError(
                    f"{self._what} was not kept: the gateway was cut off from its store"
                )
            await flush()
            if log.watermark == 0 and not self._left:
                # A fence has dropped it. Whoever follows the log finds out what has become of it.
                await self.broadcaster.wait_ring()

    async def claim_end(self) -> None:
        """Hold what is to be ended, unless another gateway does: only its holder ends it."""
        if self.tenure.ours and (self._reason is not None or self._failure):
            await self.tenure.claim()

    def lose(self) -> None:
        """Stop without an end: another gateway goes on with it."""
        self.tenure.lose()
        self.writer.shut()
        self.scope.cancel()
        self.broadcaster.ring()

    def begin_again(self) -> None:
        """Go on as if nothing had been about to end it: what was, is not durable."""
        self.scope = trio.CancelScope()
        self._reason = self._failure = None
        self.broadcaster.revoke_end()
        if self._ended.is_set():
            self._ended = trio.Event()

    def fail(self, error: BaseException) -> None:
        """End it because of an error in its task or beneath it; after the end, log it only."""
        if not self.tenure.ours:
            return  # what has failed had to stop
        if isinstance(error, FencedError | HeldElsewhereError):
            self.lose()  # others go on with it
            return
        if self.writer.finished:
            log_late_error(self._what, error)
            return
        # A log that differs from its recomputation says how.
        self.give_up(Failed(str(error)) if isinstance(error, LogError) else fault_step(error))

    def give_up(self, step: Failed) -> None:
        """End it because its work has failed."""
        self.note_failure(step)
        self._failure = self._failure or step.error
        if self.tenure.here:
            self.cut_off()

    def note_failure(self, step: Failed) -> None:
        """Keep the traceback of a failure, and write it to the log of the program."""
        self.traceback = step.traceback
        log_failure(self._what, step.error, step.traceback)

    def cut_off(self) -> None:
        """End what did not come to its end by itself. Only its task calls this."""
        if self._failure:
            self.end("failed", self._failure)
        else:
            self.end("cancelled", self._reason or "the gateway was closed")

    async def end_late(self, closing: Callable[[], bool]) -> None:
        """End it though its log did not take the end: try until it does, or it is too late.

        Args:
            closing: Returns whether the gateway is closing.
        """
        given_up = False
        while not self.writer.finished and not given_up:
            given_up = closing()
            await trio.sleep(_RETRY_S)
            with Border(_take_no_note):  # it is logged already
                if not await self.tenure.claim():
                    return
                self.cut_off()

    def end(self, state: str, error: str | None = None) -> None:
        """Write the terminal event."""
        self.close_log(self.writer.end(state, error))

    def close_log(self, terminal_id: int) -> None:
        """Wake what waits for the end."""
        self.broadcaster.announce_end(terminal_id)
        self._ended.set()


def _take_no_note(_error: BaseException) -> None:
    """Take no note of an error."""
