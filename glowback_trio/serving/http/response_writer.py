"""Responses as this server writes them: their heads, their bytes, and what ends a connection."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from time import time
from wsgiref.handlers import format_date_time

import h11
from attrs import define, field

from glowback_trio.serving.http.options import HttpOptions
from glowback_trio.serving.http.rejection import Rejection
from glowback_trio.serving.http.request_limits import RequestBudget
from glowback_trio.serving.ports import ConnectionPort
from glowback_trio.serving.records import RequestFacts, RequestRecord

__all__ = ["ResponseWriter"]

PHRASES = {status.value: status.phrase for status in HTTPStatus}


@lru_cache(maxsize=1)
def http_date(second: int) -> bytes:
    """Return a time of day as HTTP writes it; all responses of one second share it."""
    return format_date_time(second).encode("ascii")


@define(eq=False)
class ResponseWriter:
    """Writes the responses of one connection, each part in as few writes as possible.

    It is given the request that it responds to (`begin`), since a response depends on it: HEAD gets
    no body, and a body that is still coming decides whether the connection can be used again.
    """

    _http: h11.Connection
    _connection: ConnectionPort
    _budget: RequestBudget
    _options: HttpOptions
    _request: h11.Request | None = field(default=None, init=False)

    def begin(self, request: h11.Request) -> None:
        """Turn to the response to a request."""
        self._request = request

    def rest(self) -> None:
        """Wait for the next request: a rejection from here on is not of the last one."""
        self._request = None

    def head(
        self, status: int, headers: Iterable[tuple[bytes, bytes]], *, last: bool = False
    ) -> h11.Response | h11.InformationalResponse:
        """Return the head of a response; the last one on a connection says that it is.

        Args:
            status: The status.
            headers: All headers but the date.
            last: True if the connection ends with this response in any case.

        Raises:
            h11.LocalProtocolError: If it cannot be a head.
        """
        if status >= 200 and (last or self._ends_connection):
            kept = [header for header in headers if header[0].lower() != b"connection"]
            headers = [*kept, (b"connection", b"close")]
        return self._dated(status, headers)

    def _dated(
        self, status: int, headers: Iterable[tuple[bytes, bytes]]
    ) -> h11.Response | h11.InformationalResponse:
        """Return a head with its date, and with its reason phrase, which old clients look for."""
        kind = h11.Response if status >= 200 else h11.InformationalResponse
        lines = list(headers)
        if self._options.date_header:
            lines.append((b"date", http_date(int(time()))))
        return kind(status_code=status, headers=lines, reason=PHRASES.get(status, ""))

    @property
    def _ends_connection(self) -> bool:
        """True if this response is the last: not if only a short body is still to come.

        A client that may use a connection again must learn in time where it cannot.
        """
        if self._connection.leaving:
            return True
        return self._http.their_state is h11.SEND_BODY and not self._budget.nearly_there

    async def invite_body(self) -> None:
        """Send 100, for a client that waits with its body (RFC 9110, section 10.1.1)."""
        await self.send([self._dated(100, [])])

    async def reject(self, status: int, reason: str) -> None:
        """Respond to the request without the application; `reason` is a sentence for the client."""
        rejection = Rejection.of(self._request, status, reason)
        response = self._options.reject(rejection).framed(status)
        events: list[h11.Event] = [self._dated(status, response.headers)]
        if self._request is None or self._request.method != b"HEAD":
            events.append(h11.Data(data=response.body))
        await self.send([*events, h11.EndOfMessage()])

    def record_rejection(self, status: int) -> None:
        """Leave the record of a request that was rejected before it became an exchange."""
        known = Rejection.of(self._request, status, "")
        facts = RequestFacts(known.method or None, known.path or None, self._connection.client)
        self._connection.record(RequestRecord(facts=facts, status=status, complete=True))

    async def send(self, events: Iterable[h11.Event]) -> None:
        """Send parts of a response in one write; no checkpoint where the peer takes it at once.

        The end of a response and the turn to the next request are one step then, so that the
        client cannot be quicker.
        """
        if self._http.our_state is h11.ERROR:
            # A send before this one raised h11's error in the application, which knows it all.
            self._connection.abort()
            return
        whole = False
        try:
            data = b"".join([self._http.send(event) or b"" for event in events])
            if data and not self._connection.write_soon(data):
                await self._connection.write(b"")
            whole = True
        finally:
            # h11 has counted the events as sent. Without their bytes on the way, the client would
            # take the next response for the rest of this one.
            if not whole:
                self._connection.abort()
