"""One connection's HTTP/1.1: what it accepts, what it rejects, and how long it waits."""

from __future__ import annotations

from typing import Any

import trio
from attrs import define, field

from glowback_trio.border import Border
from glowback_trio.serving.app_runner import AppRunner
from glowback_trio.serving.http import head_checks as checks
from glowback_trio.serving.http.body_reader import BodyReader, ChunkedBody, DeclaredBody
from glowback_trio.serving.http.head_parser import END_OF_HEAD, check_beginning
from glowback_trio.serving.http.http_exchange import HttpExchange
from glowback_trio.serving.http.immediate import ImmediateResponse
from glowback_trio.serving.http.options import HttpOptions
from glowback_trio.serving.http.rejection import NO_ANSWER, RejectedError
from glowback_trio.serving.http.request_head import RequestHead
from glowback_trio.serving.http.request_limits import RequestBudget
from glowback_trio.serving.http.response_head import has_body
from glowback_trio.serving.http.response_writer import ResponseWriter
from glowback_trio.serving.http.scope import http_scope, websocket_scope
from glowback_trio.serving.ports import ConnectionPort
from glowback_trio.serving.records import RequestFacts, RequestRecord
from glowback_trio.serving.websocket.stream import WebSocketStream

__all__ = ["Http1"]

# A body in chunks of a byte has thousands in one read. After so many, other tasks get a turn.
PIECES_PER_TURN = 50


@define(eq=False)
class Http1:
    """HTTP/1.1 with rejections, limits and deadlines; HTTP/2 is rejected.

    The connection's reader drives it: `receive` when bytes come, `expire` at `deadline()`,
    `resume` when the application has made something possible that had to wait. A WebSocket
    handshake ends it: from there on the connection speaks through a `WebSocketStream`.
    """

    _options: HttpOptions
    _connection: ConnectionPort
    _runner: AppRunner
    _budget: RequestBudget = field(init=False)
    _writer: ResponseWriter = field(init=False)
    #: All of a request has come, and its response is not complete.
    _answering: bool = field(default=False, init=False)
    #: Bytes that have come and have not been read.
    _early: bytes = field(default=b"", init=False)
    #: The body that is coming.
    _body: BodyReader | None = field(default=None, init=False)
    #: The request in flight; None before its head is whole, and once it has been answered.
    _exchange: HttpExchange | None = field(default=None, init=False)
    _upgraded: bool = field(default=False, init=False)
    #: The client may still be sending what was rejected.
    _rejected: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._budget = RequestBudget(self._options.limits, self._options.bodies)
        self._writer = ResponseWriter(self._connection, self._budget, self._options)

    async def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        self._early = self._early + data if self._early else data
        await self._take_early()

    def deadline(self) -> float:
        """Return when `expire` is due, on trio's clock."""
        return self._budget.deadline

    async def expire(self) -> None:
        """Give up on a head, a body or an idle client."""
        if self._budget.idle:
            self._connection.end()
        else:
            await self.reject(408, "the request did not arrive in time")

    async def resume(self) -> None:
        """Go on after a wait: with bytes that came early, or with the shutdown."""
        if self._connection.leaving and self._exchange is None:
            self._connection.end()
        await self._take_early()

    async def _take_early(self) -> None:
        """Take heads and bodies, up to where more has to come first."""
        while self._early and not self._is_waiting:
            try:
                if self._body is not None:
                    await self._take_body(self._body)
                elif (request := self._take_head()) is not None:
                    await self._begin(request)
                else:
                    return
            except RejectedError as error:
                if error.request is not None:
                    self._writer.begin(error.request)
                await self.reject(error.status, error.reason)

    @property
    def _is_waiting(self) -> bool:
        """True if what comes is not read now: it belongs to the next request, or to nothing."""
        return self._answering or self._connection.ending or self._upgraded

    def _take_head(self) -> RequestHead | None:
        """Return the next request, checked; None if its head is not whole.

        Raises:
            RejectedError: It is refused.
        """
        self._budget.begin_head()
        data = self._early
        end = data.find(END_OF_HEAD) + len(END_OF_HEAD)
        whole = end >= len(END_OF_HEAD)
        checks.check_size(end if whole else len(data), self._options.limits.header_bytes)
        if not whole:
            check_beginning(data)
            return None
        head, self._early = data[:end], data[end:]
        request = checks.read_head(head)
        self._writer.begin(request)
        if request.framed:
            self._budget.begin_body(request.body_length)
        return request

    async def _begin(self, request: RequestHead) -> None:
        """Begin to respond: at once, or by the application."""
        if checks.wants_websocket(request):
            await self._upgrade(request)
            return
        began = trio.current_time()
        scope = http_scope(request, request.headers, self._options, self._connection)
        if request.framed:
            self._begin_body(request.body_length)
        else:
            self._end_body()
        if not request.framed and (response := self._immediate(scope)) is not None:
            await self._send_immediate(request, response, scope, began)
            return
        self._exchange = exchange = HttpExchange(
            scope, self._connection, self._writer, self, self._runner, began
        )
        if self._body is None:
            await exchange.end_body()
        elif request.awaits_invitation:
            await self._writer.invite_body()

    def _begin_body(self, length: int | None) -> None:
        self._body = None
        if length is None:
            self._body = ChunkedBody(self._options.limits.header_bytes)
        elif length:
            self._body = DeclaredBody(length)
        self._writer.body_follows = self._body is not None
        if self._body is None:
            self._end_body()

    def _end_body(self) -> None:
        self._body, self._writer.body_follows = None, False
        self._answering = True
        self._budget.end_body()

    def _immediate(self, scope: dict[str, Any]) -> ImmediateResponse | None:
        """Return the response that needs no application; None if there is none."""
        try:
            return self._options.immediate(scope)
        except BaseException:
            with Border(lambda error: self._connection.fault(error, scope)):
                raise
        rejection = self._writer.rejection(500, NO_ANSWER)
        return ImmediateResponse(500, rejection.headers, rejection.body)

    async def _send_immediate(
        self,
        request: RequestHead,
        response: ImmediateResponse,
        scope: dict[str, Any],
        began: float,
    ) -> None:
        """Send a response and leave its record, without a task and mostly without a wait."""
        sent_before, complete = self._connection.sent_bytes, False
        try:
            head = self._writer.head(response.status, response.headers, block=response.block)
            body = [response.body] if has_body(request.method, response.status) else []
            if not self._writer.put(head, body, end=True):
                await self._writer.flush()
            complete = True
        finally:
            sent = self._connection.sent_bytes - sent_before
            facts, duration = RequestFacts.of(scope), trio.current_time() - began
            self._connection.record(
                RequestRecord(
                    facts=facts,
                    status=response.status,
                    complete=complete,
                    duration=duration,
                    sent_bytes=sent,
                )
            )
        self._recycle()
        if self.unread:
            await trio.lowlevel.checkpoint()  # one read may hold hundreds of requests

    async def _upgrade(self, request: RequestHead) -> None:
        """Leave the connection to a WebSocket, with all that came after its handshake."""
        self._upgraded = True
        options = self._options
        scope = websocket_scope(
            request, checks.join_lists(request.headers), options, self._connection
        )
        stream = WebSocketStream(
            scope, self._connection, self._writer, self._runner, options.limits, options.hub
        )
        self._connection.switch_to(stream)
        early, self._early = self._early, b""
        await stream.begin(early)

    async def _take_body(self, body: BodyReader) -> None:
        """Take what has come of a body."""
        pieces, rest = body.read(self._early)
        self._early = rest or b""
        for piece in pieces:
            self._budget.count_body(len(piece))
            if self._budget.pieces % PIECES_PER_TURN == 0:
                await trio.lowlevel.checkpoint()
            if self._exchange is not None:
                await self._exchange.take_body(piece)
        if rest is None:
            return
        self._end_body()
        if self._exchange is not None:
            await self._exchange.end_body()
        else:  # it was answered before
            self._recycle()

    async def end_exchange(self) -> None:
        """Turn to the next request, or end where there can be none."""
        await self._close_exchange()
        if self._body is not None and self._writer.reusable and not self._connection.leaving:
            self._resume_reading()  # to the body's end; all of it is dropped
        else:
            self._recycle()

    async def _close_exchange(self) -> None:
        if self._exchange is not None:
            await self._exchange.close()
            self._exchange = None

    def _recycle(self) -> None:
        done = self._writer.reusable and self._body is None
        if not done or self._connection.leaving:
            self._connection.end()
            return
        self._answering = False
        self._writer.rest()
        self._budget.rest()
        self._resume_reading()

    def _resume_reading(self) -> None:
        """Have the reader take bytes that came early, or wait until the deadline of this state."""
        if self._early:
            self._connection.wake()
        else:
            self._connection.wait_until(self._budget.deadline)

    async def reject(self, status: int, reason: str) -> None:
        """Respond without the application, unless it has begun to respond, and end.

        Args:
            status: The status of the response.
            reason: A sentence for the client.
        """
        exchange = self._exchange
        if exchange is not None:
            exchange.note_rejection(status)
        await self._close_exchange()
        self._rejected = True
        if not self._writer.begun:
            await self._writer.reject(status, reason)
            if exchange is None:
                self._writer.record_rejection(status)
        self._connection.keep_reading()
        self._connection.end()

    async def end(self) -> None:
        """End the request in flight, because the connection has ended."""
        await self._close_exchange()

    def finish(self) -> None:
        """Leave the record of a request that was cut off, and let its body go. Idempotent."""
        self._budget.drop_body()
        if self._exchange is not None:
            self._exchange.finish()

    @property
    def unread(self) -> bool:
        """True if the client may still be sending something that will not be read."""
        return self._body is not None or self._rejected or bool(self._early)

    @property
    def saturated(self) -> bool:
        """True if as much has come early as is kept until the response is complete."""
        return self._answering and len(self._early) > self._options.limits.header_bytes
