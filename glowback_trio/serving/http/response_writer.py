"""Answers, as this server writes them: their heads, their bytes, and the end of a connection."""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING, Any, cast
from wsgiref.handlers import format_date_time

import h11
from hypercorn.config import Config
from hypercorn.events import RawData
from hypercorn.protocol.events import Response
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol, H11WSConnection
from hypercorn.typing import ConnectionState

from glowback_trio.serving.http.rejection import Headers, Rejection, RejectionResponse
from glowback_trio.serving.http.request_limits import RequestBudget
from glowback_trio.serving.records import RequestFacts, RequestRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hypercorn.protocol.events import Event as StreamEvent
    from hypercorn.typing import H11SendableEvent, TaskGroup

    from glowback_trio.serving.app_runner import AppRunner
    from glowback_trio.serving.connection import Connection
    from glowback_trio.serving.service import Service

__all__ = ["ResponseWriter", "answer_head"]

PHRASES = {status.value: status.phrase for status in HTTPStatus}


def answer_head(
    status: int, headers: Headers, config: Config
) -> h11.Response | h11.InformationalResponse:
    """Return a head with its words, which old clients look for, and its date.

    Raises:
        h11.LocalProtocolError: If it cannot be a head.
    """
    kind = h11.Response if status >= 200 else h11.InformationalResponse
    dated = [*headers, (b"date", http_date(int(time())))] if config.include_date_header else headers
    return kind(status_code=status, headers=list(dated), reason=PHRASES.get(status, ""))


@lru_cache(maxsize=1)
def http_date(second: int) -> bytes:
    """Return the time of day as HTTP writes it, worked out once a second."""
    return format_date_time(second).encode("ascii")


class ResponseWriter(H11Protocol):
    """The half of Hypercorn's HTTP/1.1 that speaks.

    What a part of an answer is made of is written in one go, and the last answer on a connection
    says that it is.
    """

    def __init__(self, service: Service, link: Connection, bridge: AppRunner) -> None:
        super().__init__(
            service.app,
            service.config,
            service.context,
            # Hypercorn's streams ask a task group for nothing but `spawn_app`.
            cast("TaskGroup", bridge),
            ConnectionState(service.state),
            service.secure,
            link.client,
            link.server,
            link.send,
        )
        self.link = link
        self.bridge = bridge
        self.limits = service.limits
        self.prompt = service.prompt
        self._make_answer = service.refuse
        self._allowance = RequestBudget(service.limits)
        self._request: h11.Request | None = None

    def stream_arguments(self) -> tuple[Any, ...]:
        """Return what Hypercorn's streams are made of, in their order."""
        return (
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )

    async def stream_send(self, event: StreamEvent) -> None:
        """Send what a stream has to say."""
        if isinstance(event, Response):
            await self.send_events([self.head(event.status_code, event.headers)])
        else:
            await super().stream_send(event)

    def head(self, status: int, headers: Headers) -> h11.Response | h11.InformationalResponse:
        """Return the head of an answer; the last one on a connection says that it is."""
        if status >= 200 and self._answers_last:
            kept = [header for header in headers if header[0].lower() != b"connection"]
            headers = [*kept, (b"connection", b"close")]
        return answer_head(status, headers, self.config)

    @property
    def _answers_last(self) -> bool:
        """Whether this answer ends the connection: not if it only comes before a short body does.

        A client that may go on to use a connection must be told in time where it cannot.
        """
        if self.link.leaving or isinstance(self.connection, H11WSConnection):
            return True
        sending = self.connection.their_state is h11.SEND_BODY
        return sending and not self._allowance.nearly_there

    async def send_refusal(self, status: int, reason: str) -> None:
        """Answer the request at hand without the application."""
        answer = self.answer(status, reason)
        events: list[H11SendableEvent] = [answer_head(status, answer.headers, self.config)]
        if self._request is None or self._request.method != b"HEAD":
            events.append(h11.Data(data=answer.body))
        await self.send_events([*events, h11.EndOfMessage()])

    def answer(self, status: int, reason: str) -> RejectionResponse:
        """Return a whole answer to the request at hand, made by the server's owner."""
        return self._make_answer(Rejection.of(self._request, status, reason)).framed(status)

    def _record_refusal(self, refusal: Rejection) -> None:
        facts = RequestFacts(refusal.method or None, refusal.path or None, self.client)
        self.link.record(RequestRecord(facts=facts, status=refusal.status, complete=True))

    async def _send_h11_event(self, event: H11SendableEvent) -> None:
        await self.send_events([event])

    async def send_events(self, events: Iterable[H11SendableEvent]) -> None:
        """Send parts of an answer in one write; no checkpoint where the peer takes it at once.

        Its end and the turn to the next request are one step then, so no client is too quick.
        """
        if self.connection.our_state is h11.ERROR:
            self.link.abort()  # the application has been told already, by an error of h11's
            return
        whole = False
        try:
            data = b"".join([self.connection.send(event) or b"" for event in events])
            if data and not self.link.write_soon(data):
                await self.link.send(RawData(b""))
            whole = True
        finally:
            # h11 has counted the events as sent. Without their bytes on the way, the client would
            # take the next answer for the rest of this one.
            if not whole:
                self.link.abort()
