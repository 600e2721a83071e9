"""One HTTP request on its way through the application."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

import trio
from attrs import define, field
from hypercorn.utils import UnexpectedMessageError, build_and_validate_headers

from glowback_trio.serving.app_runner import LATE_SEND_S, AppRunner, Inbox, Message
from glowback_trio.serving.http.rejection import NO_ANSWER
from glowback_trio.serving.http.response_head import has_body
from glowback_trio.serving.http.response_writer import ResponseWriter
from glowback_trio.serving.ports import ConnectionPort, ExchangePort, Piece, ResponseHead
from glowback_trio.serving.records import RequestFacts, RequestRecord

__all__ = ["HttpExchange"]

# A longer body is written piece by piece. However long it is, no more than one piece of it is
# copied at a time for a client that reads slowly.
PIECE_BYTES = 64 * 1024


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
    _began: float
    _sent_before: int = field(init=False)
    #: The application's events.
    _inbox: Inbox = field(init=False)
    _response: _Response = field(default=_Response.NONE, init=False)
    #: The status of the response, the application's or this server's.
    _status: int | None = field(default=None, init=False)
    #: The head of the response, until it is written.
    _head: ResponseHead | None = field(default=None, init=False)
    #: Bytes to come of a body whose length was declared.
    _remaining: int | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)
    _finished: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._sent_before = self._connection.sent_bytes
        self._inbox = self._runner.start(self._scope, self._send_from_app)

    async def take_body(self, data: bytes) -> None:
        """Pass a piece of the request's body on."""
        await self._inbox.put({"type": "http.request", "body": data, "more_body": True})

    async def end_body(self) -> None:
        """Pass the end of the request's body on."""
        await self._inbox.put({"type": "http.request", "body": b"", "more_body": False})

    async def close(self) -> None:
        """End: the response is complete, or never will be."""
        if self._closed:
            return
        self._closed = True
        await self._inbox.put({"type": "http.disconnect"})
        self.finish()

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
        if status < 200:
            raise ValueError(f"A response has a status of at least 200, not {status}")
        self._head = self._writer.head(status, build_and_validate_headers(headers))
        self._response, self._status = _Response.BEGUN, status
        self._remaining = self._head.declared
        if self._remaining is None:
            await self._send()
            await trio.lowlevel.checkpoint()

    async def _continue_response(self, data: bytes, *, more: bool) -> None:
        last: Piece = data
        if not self._sends_body:
            last = b""
        elif len(data) > PIECE_BYTES:
            last = await self._send_all_but_the_last_piece(memoryview(data))
        await self._send(last, end=not more)
        if not more:
            self._response = _Response.COMPLETE
            await self._http1.end_exchange()
        elif not self._is_last(data):
            await trio.lowlevel.checkpoint()

    @property
    def _sends_body(self) -> bool:
        assert self._status is not None
        return has_body(self._scope["method"].encode(), self._status)

    async def _send_all_but_the_last_piece(self, view: memoryview) -> memoryview:
        while len(view) > PIECE_BYTES:
            await self._send(view[:PIECE_BYTES])
            view = view[PIECE_BYTES:]
        return view

    def _is_last(self, data: bytes) -> bool:
        """Count declared bytes; True once all are there, so that only an empty end can follow."""
        if not data or self._remaining is None:
            return False
        self._remaining -= len(data)
        return self._remaining == 0

    async def _send(self, piece: Piece = b"", *, end: bool = False) -> None:
        head, self._head = self._head, None
        await self._writer.send(head, [piece], end=end)

    async def _abandon(self) -> None:
        """Respond for an application that has not, and end what it left unfinished."""
        if self._closed:
            return
        if self._response is _Response.NONE or self._head is not None:
            self._status = 500
            await self._writer.reject(500, NO_ANSWER)
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
