"""One HTTP request on its way through the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import h11
import trio
from hypercorn.protocol.events import Body, EndBody, Event, Request, StreamClosed
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.utils import UnexpectedMessageError, build_and_validate_headers, suppress_body

from glowback_trio.serving.app_runner import LATE_SEND_S
from glowback_trio.serving.records import RequestFacts, RequestRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hypercorn.typing import ASGISendEvent, H11SendableEvent

    from glowback_trio.serving.app_runner import Put
    from glowback_trio.serving.http.http1 import Protocol

__all__ = ["HttpExchange"]

# A longer body is written piece by piece. Whatever it is cut from, no more than a piece of it is
# copied at once for a client that takes its time.
PIECE_BYTES = 64 * 1024

# A request without either has no body (RFC 9112, section 6.3).
FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class HttpExchange(HTTPStream):
    """What Hypercorn's protocol takes for its HTTP stream: one request, its answer and its record.

    The head of an answer whose length it declares waits for the body, and both go in one write. The
    head of a stream goes at once, to a client that may wait for nothing else.

    Attributes:
        status: The status that was answered, by the application or by this server; None so far.
    """

    def __init__(self, protocol: Protocol) -> None:
        super().__init__(*protocol.stream_arguments())
        self.protocol = protocol
        self.status: int | None = None
        #: Where the application's events go; None where it has not been started.
        self._inbox: Put | None = None
        self._finished = False
        self._began = trio.current_time()
        self._sent_before = protocol.link.sent_bytes
        #: Of an answer that has begun, as far as it is not written.
        self._unsent: list[H11SendableEvent] = []
        #: Bytes to come of a body whose length was declared.
        self._left: int | None = None

    async def handle(self, event: Event) -> None:
        """Take an event from the client's side."""
        if self.closed:
            return
        match event:
            case Request():
                self._describe(event)
                if any(name in FRAMING for name, _ in event.headers):
                    await self._start_app()
            case Body():
                await self._put({"type": "http.request", "body": event.data, "more_body": True})
            case EndBody():
                if self._inbox is None:
                    if await self._answer_promptly():
                        return
                    await self._start_app()
                await self._put({"type": "http.request", "body": b"", "more_body": False})
            case StreamClosed():
                self.closed = True
                if self._inbox is not None:
                    await self._put({"type": "http.disconnect"})
                self.finish()

    async def _put(self, event: Any) -> None:
        assert self._inbox is not None
        await self._inbox(event)

    def _describe(self, request: Request) -> None:
        path, _, query = request.raw_path.partition(b"?")
        self.scope = {
            "type": "http",
            "http_version": request.http_version,
            "asgi": {"spec_version": "2.1", "version": "3.0"},
            "method": request.method,
            "scheme": self.scheme,
            "path": unquote(path.decode("ascii")),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": request.headers,
            "client": self.client,
            "server": self.server,
            "state": type(request.state)(request.state.copy()),
            "extensions": {},
        }

    async def _start_app(self) -> None:
        self._inbox = await self.task_group.spawn_app(
            self.app, self.config, self.scope, self.app_send
        )

    async def _answer_promptly(self) -> bool:
        """Send what can be answered without the application; whether there was such an answer."""
        try:
            answer = self.protocol.prompt(cast("dict[str, Any]", self.scope))
        except Exception as error:  # noqa: BLE001 - a fault of one request ends that request only
            self.protocol.link.fault(error, self.scope)
            await self._leave()
            return True
        if answer is None:
            return False
        await self._start(answer.status, answer.headers)
        await self._go_on(answer.body, more=False)
        if self.protocol.unread:
            await trio.lowlevel.checkpoint()  # one read may hold hundreds of requests
        return True

    async def app_send(self, message: ASGISendEvent | None) -> None:
        """Take a message from the application; one that comes too late goes nowhere.

        It can be cancelled before anything is sent, and one that sends in a loop lets others run.
        """
        if message is None:
            await self._leave()
        elif self.closed:
            await trio.sleep(LATE_SEND_S)
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
            await self._take(message)

    async def _take(self, message: ASGISendEvent) -> None:
        if message["type"] == "http.response.start" and self.state is ASGIHTTPState.REQUEST:
            await self._start(int(message["status"]), message.get("headers", []))
        elif message["type"] == "http.response.body" and self.state is ASGIHTTPState.RESPONSE:
            await self._go_on(bytes(message.get("body", b"")), more=message.get("more_body", False))
        else:
            raise UnexpectedMessageError(self.state, message["type"])

    async def _start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        head = self.protocol.head(status, build_and_validate_headers(headers))
        self.state, self.status = ASGIHTTPState.RESPONSE, status
        self._unsent.append(head)
        self._left = next((int(v) for name, v in head.headers if name == b"content-length"), None)
        if self._left is None:
            await self._send_events()
            await trio.lowlevel.checkpoint()

    async def _go_on(self, data: bytes, *, more: bool) -> None:
        assert self.status is not None
        if not suppress_body(self.scope["method"], self.status):
            await self._send_all_but_the_last_piece(data)
        if more:
            await self._send_events()
            if not self._is_last(data):
                await trio.lowlevel.checkpoint()
            return
        self._unsent.append(h11.EndOfMessage())
        await self._send_events()
        self.state = ASGIHTTPState.CLOSED
        await self.send(StreamClosed(self.stream_id))

    async def _send_all_but_the_last_piece(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(view), PIECE_BYTES):
            if start:
                await self._send_events()
            # h11 takes whatever has a length and can be joined to bytes.
            self._unsent.append(h11.Data(cast("bytes", view[start : start + PIECE_BYTES])))

    def _is_last(self, data: bytes) -> bool:
        """Whether what was declared is all there now, so that only an empty end can follow."""
        if not data or self._left is None:
            return False
        self._left -= len(data)
        return self._left == 0

    async def _send_events(self) -> None:
        events, self._unsent = self._unsent, []
        await self.protocol.send_events(events)

    async def _leave(self) -> None:
        """Answer for an application that has not, and end what it left unfinished."""
        if self.closed:
            return
        if self.state is ASGIHTTPState.REQUEST or self._unsent:
            self.status = 500
            await self.protocol.send_refusal(500, "the application gave no answer")
            self.state = ASGIHTTPState.CLOSED
        await self.send(StreamClosed(self.stream_id))

    def finish(self) -> None:
        """Leave the record of this request, once."""
        if self._finished:
            return
        self._finished = True
        link = self.protocol.link
        link.record(
            RequestRecord(
                facts=RequestFacts.of(self.scope),
                status=self.status,
                complete=self.state is ASGIHTTPState.CLOSED,
                duration=trio.current_time() - self._began,
                sent_bytes=link.sent_bytes - self._sent_before,
            )
        )
