"""One connection's HTTP/1.1: what it accepts, what it rejects, and how long it waits."""

from __future__ import annotations

import h11
import trio
from attrs import define, field

from glowback_trio.serving.app_runner import AppRunner
from glowback_trio.serving.http import head_checks as heads
from glowback_trio.serving.http.http_exchange import HttpExchange
from glowback_trio.serving.http.options import HttpOptions
from glowback_trio.serving.http.rejection import Headers, RejectedError
from glowback_trio.serving.http.request_limits import RequestBudget
from glowback_trio.serving.http.response_writer import ResponseWriter
from glowback_trio.serving.http.scope import http_scope, websocket_scope
from glowback_trio.serving.ports import ConnectionPort
from glowback_trio.serving.websocket.stream import WebSocketStream

__all__ = ["Http1"]

# In all other states the client has sent what belongs to this request. What it sends next belongs
# to another one, or to nothing after `Connection: close`, and h11 would take the latter for an
# error.
READING = {h11.IDLE, h11.SEND_BODY}

# A body in chunks of a byte has thousands in one read. After so many, other tasks get a turn.
PIECES_PER_TURN = 50


@define(eq=False)
class Http1:
    """HTTP/1.1 over h11, with rejections, limits and deadlines; HTTP/2 is rejected.

    The connection's reader drives it: `receive` when bytes come, `expire` at `deadline()`,
    `resume` when the application has made something possible that had to wait. A WebSocket
    handshake ends it: from there on the connection speaks through a `WebSocketStream`.
    """

    _options: HttpOptions
    _connection: ConnectionPort
    _runner: AppRunner
    _http: h11.Connection = field(init=False)
    _budget: RequestBudget = field(init=False)
    _writer: ResponseWriter = field(init=False)
    #: The request in flight; None before its head is whole, and once it has been answered.
    _exchange: HttpExchange | None = field(default=None, init=False)
    _upgraded: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        limits = self._options.limits
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.header_bytes)
        self._budget = RequestBudget(limits, self._options.bodies)
        self._writer = ResponseWriter(self._http, self._connection, self._budget, self._options)

    async def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        self._http.receive_data(data)
        await self._take_events()

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
        await self._take_events()

    async def _take_events(self) -> None:
        while not self._connection.ending and not self._upgraded:
            try:
                event = self._next_event()
            except RejectedError as error:
                await self.reject(error.error_status_hint, str(error))
                return
            except h11.RemoteProtocolError as error:
                await self.reject(error.error_status_hint, "the request is not well-formed HTTP")
                return
            if event is None:
                return
            await self._take(event)

    def _next_event(self) -> h11.Event | None:
        if self._http.their_state not in READING:
            return None
        if self._http.their_state is h11.IDLE:
            # h11 forgives more than is safe here, so the bytes are checked before it sees them.
            head = self._http.trailing_data[0]
            if not head:
                return None
            self._budget.begin_head()
            heads.check_head(head, self._options.limits.header_bytes)
        event = self._http.next_event()
        if isinstance(event, h11.ConnectionClosed) or not isinstance(event, h11.Event):
            return None  # h11 returns NEED_DATA and PAUSED as classes, not as events
        if isinstance(event, h11.Request):
            self._check(event)
        elif isinstance(event, h11.Data):
            self._budget.count_body(len(event.data))
        return event

    def _check(self, request: h11.Request) -> None:
        self._writer.begin(request)
        headers = list(request.headers)
        heads.check_request(request, headers)
        framing = dict(headers)
        chunked = b"transfer-encoding" in framing
        self._budget.begin_body(None if chunked else int(framing.get(b"content-length", b"0")))

    async def _take(self, event: h11.Event) -> None:
        match event:
            case h11.EndOfMessage():
                self._budget.end_body()
                if self._exchange is not None:
                    await self._exchange.end_body()
                else:  # it was answered before
                    self._recycle()
            case h11.Request():
                await self._begin(event)
            case h11.Data():
                await self._take_body(event)

    async def _begin(self, request: h11.Request) -> None:
        headers = list(request.headers)
        if heads.wants_websocket(request, headers):
            await self._upgrade(request, heads.join_lists(headers))
            return
        scope = http_scope(request, headers, self._options, self._connection)
        self._exchange = HttpExchange(
            scope, self._connection, self._writer, self, self._runner, self._options.immediate
        )
        self._exchange.begin()
        if self._http.they_are_waiting_for_100_continue:
            await self._writer.invite_body()

    async def _upgrade(self, request: h11.Request, headers: Headers) -> None:
        """Leave the connection to a WebSocket, with all that came after its handshake.

        h11 reads nothing more from here on. It only writes the response to the handshake.
        """
        self._upgraded = True
        options = self._options
        scope = websocket_scope(request, headers, options, self._connection)
        stream = WebSocketStream(
            scope, self._connection, self._writer, self._runner, options.limits, options.hub
        )
        self._connection.switch_to(stream)
        await stream.begin(self._http.trailing_data[0])

    async def _take_body(self, event: h11.Data) -> None:
        if self._budget.pieces % PIECES_PER_TURN == 0:
            await trio.lowlevel.checkpoint()
        if self._exchange is not None:
            await self._exchange.take_body(event.data)

    async def end_exchange(self) -> None:
        """Turn to the next request, or end where there can be none."""
        await self._close_exchange()
        early = self._http.their_state is h11.SEND_BODY
        if early and self._http.our_state is h11.DONE and not self._connection.leaving:
            self._resume_reading()  # to the body's end; all of it is dropped
        else:
            self._recycle()

    async def _close_exchange(self) -> None:
        if self._exchange is not None:
            await self._exchange.close()
            self._exchange = None

    def _recycle(self) -> None:
        done = self._http.our_state is self._http.their_state is h11.DONE
        if not done or self._connection.leaving:
            self._connection.end()
            return
        self._http.start_next_cycle()
        self._writer.rest()
        self._budget.rest()
        self._resume_reading()

    def _resume_reading(self) -> None:
        """Have the reader take bytes that came early, or wait until the deadline of this state."""
        if self._http.trailing_data[0]:
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
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
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
        sending = self._http.their_state in {h11.SEND_BODY, h11.ERROR}
        return sending or bool(self._http.trailing_data[0])

    @property
    def saturated(self) -> bool:
        """True if as much has come early as is kept until the response is complete."""
        waits = self._http.their_state not in READING
        return waits and len(self._http.trailing_data[0]) > self._options.limits.header_bytes
