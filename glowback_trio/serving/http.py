"""One HTTP request on its way through the application."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from hypercorn.protocol.events import Body, EndBody, Event, Response, StreamClosed
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream

from glowback_trio.serving.bridge import LATE_SEND_S
from glowback_trio.serving.records import describe

if TYPE_CHECKING:
    from hypercorn.typing import ASGISendEvent

    from glowback_trio.serving.protocol import Protocol

__all__ = ["HttpStream"]


class HttpStream(HTTPStream):
    """Hypercorn's HTTP stream, with an end: a record, and sends that never hold the event loop.

    Attributes:
        status: The status that was answered, by the application or by this server; None so far.
    """

    def __init__(self, protocol: Protocol) -> None:
        super().__init__(*protocol.stream_arguments())
        self.protocol = protocol
        self.status: int | None = None
        self._finished = False
        self._began = trio.current_time()
        self._sent_before = protocol.link.sent_bytes

    async def handle(self, event: Event) -> None:
        """Take an event from the client's side."""
        await super().handle(event)
        if isinstance(event, StreamClosed):
            self.finish()

    async def app_send(self, message: ASGISendEvent | None) -> None:
        """Take a message from the application; one that comes too late goes nowhere.

        Always a checkpoint, so that an application that sends in a loop can be cancelled.
        """
        if message is None:
            await super().app_send(None)
            return
        if self.closed:
            await trio.sleep(LATE_SEND_S)
            return
        sends = self.protocol.link.sends
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
        await super().app_send(message)
        if sends == self.protocol.link.sends:
            await trio.lowlevel.checkpoint()

    async def _send_error_response(self, status_code: int) -> None:
        self.status = status_code
        answer = self.protocol.answer(status_code, "the application gave no answer")
        await self.send(Response(self.stream_id, [*answer.headers], status_code))
        if self.scope["method"] != "HEAD":
            await self.send(Body(self.stream_id, answer.body))
        await self.send(EndBody(self.stream_id))
        self.state = ASGIHTTPState.CLOSED

    def finish(self) -> None:
        """Leave the record of this request, once."""
        if self._finished:
            return
        self._finished = True
        link = self.protocol.link
        link.record(
            describe(self.scope)
            | {
                "kind": "request",
                "status": self.status,
                "complete": self.state is ASGIHTTPState.CLOSED,
                "duration": trio.current_time() - self._began,
                "bytes": link.sent_bytes - self._sent_before,
            }
        )
