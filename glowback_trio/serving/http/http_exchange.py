"""One HTTP request on its way through the application."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any, cast

import h11
import trio
from attrs import define, field
from hypercorn.typing import ASGIReceiveEvent
from hypercorn.utils import UnexpectedMessageError, build_and_validate_headers, suppress_body

from glowback_trio.border import Border
from glowback_trio.serving.app_runner import LATE_SEND_S, AppRunner, Inbox, Message
from glowback_trio.serving.http.immediate import ImmediateHandler
from glowback_trio.serving.http.response_writer import ResponseWriter
from glowback_trio.serving.ports import ConnectionPort, ExchangePort
from glowback_trio.serving.records import RequestFacts, RequestRecord

__all__ = ["HttpExchange"]

# A longer body is written piece by piece. However long it is, no more than one piece of it is
# copied at a time for a client that reads slowly.
PIECE_BYTES = 64 * 1024

# A request without either has no body (RFC 9112, section 6.3).
FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class _Response(Enum):
    """How far the response has come."""

    NONE = "no response"
    BEGUN = "a begun response"
    COMPLETE = "a complete response"


@define(eq=False)
class HttpExchange:
    """One request, its response and its record.

    The head of a response that declares its length waits for the body, and both go in one write.
    The head of a stream goes at once, since the client may wait for it before any data exists.
    """

    _scope: dict[str, Any]
    _connection: ConnectionPort
    _writer: ResponseWriter
    _http1: ExchangePort
    _runner: AppRunner
    _immediate: ImmediateHandler
    _began: float = field(factory=trio.current_time, init=False)
    _sent_before: int = field(init=False)
    #: The application's events; None where it has not been started.
    _inbox: Inbox | None = field(default=None, init=False)
    _response: _Response = field(default=_Response.NONE, init=False)
    #: The status of the response, the application's or this server's.
    _status: int | None = field(default=None, init=False)
    #: Parts of the response that are not written yet.
    _unsent: list[h11.Event] = field(factory=list, init=False)
    #: Bytes to come of a body whose length was declared.
    _remaining: int | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)
    _finished: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._sent_before = self._connection.sent_bytes

    def begin(self) -> None:
        """Start the application, unless the request may have an immediate response."""
        if any(name in FRAMING for name, _ in self._scope["headers"]):
            self._start_app()

    async def take_body(self, data: bytes) -> None:
        """Pass a piece of the request's body on."""
        await self._put({"type": "http.request", "body": data, "more_body": True})

    async def end_body(self) -> None:
        """Pass the end of the request's body on, or respond where there has been no body."""
        if self._inbox is None:
            if await self._respond_immediately():
                return
            self._start_app()
        await self._put({"type": "http.request", "body": b"", "more_body": False})

    async def close(self) -> None:
        """End: the response is complete, or never will be."""
        if self._closed:
            return
        self._closed = True
        await self._put({"type": "http.disconnect"})
        self.finish()

    def _start_app(self) -> None:
        self._inbox = self._runner.start(self._scope, self._send_from_app)

    async def _put(self, event: ASGIReceiveEvent) -> None:
        if self._inbox is not None:
            await self._inbox.put(event)

    async def _respond_immediately(self) -> bool:
        """Send what needs no application; True if there was such a response."""
        response, failed = None, True
        with Border(lambda error: self._connection.fault(error, self._scope)):
            response, failed = self._immediate(self._scope), False
        if failed:
            await self._abandon()
            return True
        if response is None:
            return False
        await self._begin_response(response.status, response.headers)
        await self._continue_response(response.body, more=False)
        if self._http1.unread:
            await trio.lowlevel.checkpoint()  # one read may hold hundreds of requests
        return True

    async def _send_from_app(self, message: Message | None) -> None:
        """Take a message from the application; one that comes too late goes nowhere.

        It can be cancelled before anything is sent, and one that sends in a loop lets others run.
        """
        if message is None:
            await self._abandon()
        elif self._closed:
            await trio.sleep(LATE_SEND_S)
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
            await self._take(message)

    async def _take(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._response is _Response.NONE:
            await self._begin_response(int(message["status"]), message.get("headers", []))
        elif message["type"] == "http.response.body" and self._response is _Response.BEGUN:
            more = message.get("more_body", False)
            await self._continue_response(bytes(message.get("body", b"")), more=more)
        else:
            raise UnexpectedMessageError(self._response, message["type"])

    async def _begin_response(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        head = self._writer.head(status, build_and_validate_headers(headers))
        self._response, self._status = _Response.BEGUN, status
        self._unsent.append(head)
        lengths = (int(value) for name, value in head.headers if name == b"content-length")
        self._remaining = next(lengths, None)
        if self._remaining is None:
            await self._send_unsent()
            await trio.lowlevel.checkpoint()

    async def _continue_response(self, data: bytes, *, more: bool) -> None:
        assert self._status is not None
        if not suppress_body(self._scope["method"], self._status):
            await self._send_all_but_the_last_piece(data)
        if more:
            await self._send_unsent()
            if not self._is_last(data):
                await trio.lowlevel.checkpoint()
            return
        self._unsent.append(h11.EndOfMessage())
        await self._send_unsent()
        self._response = _Response.COMPLETE
        await self._http1.end_exchange()

    async def _send_all_but_the_last_piece(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(view), PIECE_BYTES):
            if start:
                await self._send_unsent()
            # h11 takes anything that has a length and can be joined to bytes.
            self._unsent.append(h11.Data(cast("bytes", view[start : start + PIECE_BYTES])))

    def _is_last(self, data: bytes) -> bool:
        """Count declared bytes; True once all are there, so that only an empty end can follow."""
        if not data or self._remaining is None:
            return False
        self._remaining -= len(data)
        return self._remaining == 0

    async def _send_unsent(self) -> None:
        events, self._unsent = self._unsent, []
        await self._writer.send(events)

    async def _abandon(self) -> None:
        """Respond for an application that has not, and end what it left unfinished."""
        if self._closed:
            return
        if self._response is _Response.NONE or self._unsent:
            self._status = 500
            await self._writer.reject(500, "the application gave no answer")
            self._response = _Response.COMPLETE
        await self._http1.end_exchange()

    def note_rejection(self, status: int) -> None:
        """Note the status that this server responds with in the application's place."""
        if self._status is None:
            self._status = status

    def finish(self) -> None:
        """Leave the record of this request, once."""
        if self._finished:
            return
        self._finished = True
        self._connection.record(
            RequestRecord(
                facts=RequestFacts.of(self._scope),
                status=self._status,
                complete=self._response is _Response.COMPLETE,
                duration=trio.current_time() - self._began,
                sent_bytes=self._connection.sent_bytes - self._sent_before,
            )
        )
