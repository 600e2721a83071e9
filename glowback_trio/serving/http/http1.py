"""One connection's HTTP/1.1: what it accepts, what it refuses, and how long it waits."""

from __future__ import annotations

import h11
import trio
from hypercorn.events import Closed
from hypercorn.protocol.events import Body, Data, EndBody, Request
from hypercorn.protocol.h11 import STREAM_ID, H11WSConnection

from glowback_trio.serving.http import head_checks as heads
from glowback_trio.serving.http.http_exchange import HttpExchange
from glowback_trio.serving.http.rejection import RejectedError, Rejection
from glowback_trio.serving.http.response_writer import ResponseWriter, answer_head
from glowback_trio.serving.websocket.stream import WebSocketStream

__all__ = ["Protocol"]

# In all other states the client has said what belongs to this request. What it says next belongs to
# another one, or to nothing after `Connection: close`, and h11 would take the latter for an error.
READING = {h11.IDLE, h11.SEND_BODY}

# A body in chunks of a byte has thousands in one read; after so many others get a turn.
PIECES_PER_TURN = 50


class Protocol(ResponseWriter):
    """Hypercorn's HTTP/1.1, with refusals, limits and deadlines; HTTP/2 is refused.

    The connection's reader drives it: `handle` when bytes come, `expire` at `deadline()`,
    `resume` when the application has made something possible that had to wait.
    """

    def deadline(self) -> float:
        """Return when `expire` is due, on trio's clock."""
        if isinstance(self.stream, WebSocketStream):
            return self.stream.deadline()
        return self._allowance.deadline

    async def expire(self) -> None:
        """Do what is due at the deadline: give up on a head, a body or an idle client, or ping."""
        if isinstance(self.stream, WebSocketStream):
            await self.stream.expire()
        elif self._allowance.idle:
            self.link.end()
        else:
            await self.refuse(408, "the request did not arrive in time")

    async def resume(self) -> None:
        """Go on after a wait: with what had come early, or with the server's end."""
        if self.link.leaving and isinstance(self.stream, WebSocketStream):
            await self.stream.leave()
        elif self.link.leaving and self.stream is None:
            self.link.end()
        await self._handle_events()

    def go_on(self) -> None:
        """Have the reader take what came early, or wait until the deadline that holds now."""
        now = self.connection
        early = now.buffer if isinstance(now, H11WSConnection) else now.trailing_data[0]
        if early:
            self.link.wake()
        else:
            self.link.wait_until(self.deadline())

    async def _handle_events(self) -> None:
        while not self.link.ending:
            try:
                event = self._next_event()
            except h11.RemoteProtocolError as error:
                own = isinstance(error, RejectedError)
                reason = str(error) if own else "the request is not well-formed HTTP"
                await self.refuse(error.error_status_hint, reason)
                return
            if event is None:
                return
            await self._take(event)

    def _next_event(self) -> h11.Event | Data | None:
        if isinstance(self.connection, H11WSConnection):
            return self._next_frames(self.connection)
        if self.connection.their_state not in READING:
            return None
        if self.connection.their_state is h11.IDLE:
            head = self.connection.trailing_data[0]
            if not head:
                return None
            self._allowance.begin_head()
            heads.check_head(head, self.limits.header_bytes)
        event = self.connection.next_event()
        if isinstance(event, h11.ConnectionClosed) or not isinstance(event, h11.Event):
            return None  # h11 says NEED_DATA with a class of its own
        if isinstance(event, h11.Request):
            self._begin(event)
        elif isinstance(event, h11.Data):
            self._allowance.count_body(len(event.data))
        return event

    def _next_frames(self, connection: H11WSConnection) -> Data | None:
        stream = self.stream
        if isinstance(stream, WebSocketStream) and not stream.accepted:
            # A client must not send before the answer (RFC 6455, section 4.1). A little waits
            # for the application to accept; more ends the connection.
            if len(connection.buffer) > self.limits.websocket_message_bytes:
                self.link.abort()
            return None
        event = connection.next_event()
        return event if isinstance(event, Data) else None

    def _begin(self, request: h11.Request) -> None:
        self._request = request
        headers = list(request.headers)
        heads.check_request(request, headers)
        framing = dict(headers)
        chunked = b"transfer-encoding" in framing
        self._allowance.begin_body(None if chunked else int(framing.get(b"content-length", b"0")))

    async def _take(self, event: h11.Event | Data) -> None:
        match event:
            case h11.EndOfMessage():
                self._allowance.end_body()
                if self.stream is not None:
                    await self.stream.handle(EndBody(STREAM_ID))
                else:  # it was answered before
                    self._recycle()
            case h11.Request():
                await self._create_stream(event)
                if self.connection.they_are_waiting_for_100_continue:
                    await self.send_events([answer_head(100, [], self.config)])
            case h11.Data():
                await self._take_body(event)
            case Data() if self.stream is not None:
                await self.stream.handle(event)

    async def _create_stream(self, request: h11.Request) -> None:
        headers = list(request.headers)
        if isinstance(self.connection, h11.Connection) and heads.wants_websocket(request, headers):
            headers = heads.join_lists(headers)
            self.connection = H11WSConnection(self.connection)
            self.stream = WebSocketStream(self)
        else:
            self.stream = HttpExchange(self)
        await self.stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=headers,
                http_version=request.http_version.decode("ascii"),
                method=request.method.decode("ascii").upper(),
                raw_path=heads.origin_form(request),
                state=self.connection_state,
            )
        )

    async def _take_body(self, event: h11.Data) -> None:
        if self._allowance.pieces % PIECES_PER_TURN == 0:
            await trio.lowlevel.checkpoint()
        if self.stream is not None:
            await self.stream.handle(Body(STREAM_ID, event.data))

    async def _maybe_recycle(self) -> None:
        await self._close_stream()
        early = self.connection.their_state is h11.SEND_BODY
        if early and self.connection.our_state is h11.DONE and not self.link.leaving:
            self.go_on()  # to the body's end, with nobody to take it
        else:
            self._recycle()

    def _recycle(self) -> None:
        """Turn to the next request, or end where there can be none."""
        done = self.connection.our_state is self.connection.their_state is h11.DONE
        if not done or self.context.terminated.is_set():
            self.link.end()
            return
        self.connection.start_next_cycle()
        self._request = None
        self._allowance.rest()
        self.go_on()

    async def refuse(self, status: int, reason: str) -> None:
        """Answer without the application, unless it has begun to answer, and end."""
        stream = self.stream
        if isinstance(stream, HttpExchange) and stream.status is None:
            stream.status = status
        await self._close_stream()
        refusal = Rejection.of(self._request, status, reason)
        unanswered = self.connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}
        if unanswered:
            await self.send_refusal(status, reason)
        if stream is None and unanswered:
            self._record_refusal(refusal)
        self.link.linger = True
        await self.send(Closed())

    def finish(self) -> None:
        """Leave the record of a request or WebSocket that was closed by force."""
        if isinstance(self.stream, HttpExchange | WebSocketStream):
            self.stream.finish()

    @property
    def unread(self) -> bool:
        """Whether the client may still be sending something that nobody will read."""
        if isinstance(self.connection, H11WSConnection):
            return False
        sending = self.connection.their_state in {h11.SEND_BODY, h11.ERROR}
        return sending or bool(self.connection.trailing_data[0])

    @property
    def saturated(self) -> bool:
        """Whether as much has come early as is kept until the application has answered."""
        if isinstance(self.connection, H11WSConnection):
            return False
        waits = self.connection.their_state not in READING
        return waits and len(self.connection.trailing_data[0]) > self.limits.header_bytes
