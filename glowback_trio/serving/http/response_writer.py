"""Responses as this server writes them: their heads, their bytes, and what ends a connection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define, field

from glowback_trio.serving.http.options import HttpOptions
from glowback_trio.serving.http.rejection import Rejection, RejectionResponse
from glowback_trio.serving.http.request_head import RequestHead
from glowback_trio.serving.http.request_limits import RequestBudget
from glowback_trio.serving.http.response_head import NO_HEADERS, HeaderBlock, has_body, write_head
from glowback_trio.serving.ports import ConnectionPort, Piece, ResponseHead
from glowback_trio.serving.records import RequestFacts, RequestRecord

__all__ = ["ResponseWriter"]


@define(eq=False)
class ResponseWriter:
    """Writes the responses of one connection, each part in as few writes as possible.

    It is given the request that it responds to (`begin`), since a response depends on it: HEAD gets
    no body, and a body that is still coming decides whether the connection can be used again.

    Attributes:
        begun: True once the head of the response has been sent.
        reusable: True once the response is complete and another one may follow.
        body_follows: True while the body of the request is still coming.
    """

    _connection: ConnectionPort
    _budget: RequestBudget
    _options: HttpOptions
    begun: bool = field(default=False, init=False)
    reusable: bool = field(default=False, init=False)
    body_follows: bool = field(default=False, init=False)
    _request: RequestHead | None = field(default=None, init=False)
    #: Of the response that is being sent.
    _head: ResponseHead | None = field(default=None, init=False)
    #: Bytes of the body that have been sent.
    _sent: int = field(default=0, init=False)
    #: The application broke its own word, and the client cannot be told.
    _broken: bool = field(default=False, init=False)

    def begin(self, request: RequestHead) -> None:
        """Turn to the response to a request."""
        self._request = request

    def rest(self) -> None:
        """Wait for the next request: a rejection from here on is not of the last one."""
        self._request = self._head = None
        self.begun = self.reusable = self.body_follows = False
        self._sent = 0

    def head(
        self,
        status: int,
        headers: Iterable[tuple[bytes, bytes]],
        *,
        block: HeaderBlock = NO_HEADERS,
        last: bool = False,
    ) -> ResponseHead:
        """Return the head of a response; the last one on a connection says that it is.

        Args:
            status: The status.
            headers: All headers but the date and those of the block.
            block: Headers that were written before.
            last: True if the connection ends with this response in any case.

        Raises:
            ValueError: If it cannot be a head.
        """
        last, date = last or self._ends_connection, self._options.date_header
        return write_head(self._request, status, headers, block=block, last=last, date=date)

    @property
    def _ends_connection(self) -> bool:
        """True if this response is the last: not if only a short body is still to come.

        A client that may use a connection again must learn in time where it cannot.
        """
        return self._connection.leaving or (self.body_follows and not self._budget.nearly_there)

    async def invite_body(self) -> None:
        """Send 100, for a client that waits with its body (RFC 9110, section 10.1.1)."""
        if not self._write([self.head(100, []).data]):
            await self.flush()

    async def reject(self, status: int, reason: str) -> None:
        """Respond to the request without the application; `reason` is a sentence for the client."""
        response = self.rejection(status, reason)
        head = self.head(status, response.headers, last=True)
        body = has_body(None if self._request is None else self._request.method, status)
        await self.send(head, [response.body] if body else [], end=True)

    def rejection(self, status: int, reason: str) -> RejectionResponse:
        """Return what `reject` sends."""
        return self._options.reject(Rejection.of(self._request, status, reason)).framed(status)

    def record_rejection(self, status: int) -> None:
        """Leave the record of a request that was rejected before it became an exchange."""
        known = Rejection.of(self._request, status, "")
        facts = RequestFacts(known.method or None, known.path or None, self._connection.client)
        self._connection.record(RequestRecord(facts=facts, status=status, complete=True))

    async def send(
        self, head: ResponseHead | None, body: Sequence[Piece] = (), *, end: bool = False
    ) -> None:
        """Send parts of a response in one write; no checkpoint where the peer takes it at once.

        Args:
            head: The head, if it has not been sent.
            body: Pieces of the body.
            end: True if the response is complete with them.

        Raises:
            ValueError: The body is not as long as the head says.
        """
        if not self.put(head, body, end=end):
            await self.flush()

    def put(
        self, head: ResponseHead | None, body: Sequence[Piece] = (), *, end: bool = False
    ) -> bool:
        """Do the same without waiting; False if the peer has not taken all: then `flush`.

        The end of a response and the turn to the next request are one step then, so that the
        client cannot be quicker.

        Raises:
            ValueError: The body is not as long as the head says.
        """
        if self._broken:
            # A send before this one raised the error in the application, which knows it all.
            self._connection.abort()
            return True
        parts: list[Piece] = []
        if head is not None:
            self._head, self.begun = head, True
            parts.append(head.data)
        try:
            self._add_body(parts, body, end=end)
        except ValueError:
            self._broken = True
            self._connection.abort()
            raise
        return self._write(parts)

    def _add_body(self, parts: list[Piece], body: Sequence[Piece], *, end: bool) -> None:
        assert self._head is not None
        expected = self._head.expected
        for piece in body:
            self._sent += len(piece)
            if self._head.chunked and piece:
                parts += (b"%x\r\n" % len(piece), piece, b"\r\n")
            else:
                parts.append(piece)
        if expected is not None and (self._sent > expected or (end and self._sent < expected)):
            raise ValueError(
                f"A response declared a body of {expected} bytes, and has {self._sent} of them"
            )
        if end:
            self.reusable = self._head.keeps_alive
            if self._head.chunked:
                parts.append(b"0\r\n\r\n")

    def _write(self, parts: Sequence[Piece]) -> bool:
        data = b"".join(parts)
        return not data or self._connection.write_soon(data)

    async def flush(self) -> None:
        """Wait until the peer has taken all."""
        whole = False
        try:
            await self._connection.write(b"")
            whole = True
        finally:
            # The rest counts as sent. Without it, the client would take the next response for the
            # rest of this one.
            if not whole:
                self._connection.abort()
