"""The parts that all connections of one server share."""

from __future__ import annotations

from contextlib import suppress
from ssl import SSLContext
from typing import Any

from attrs import frozen

from glowback_trio.serving.http.options import HttpOptions
from glowback_trio.serving.limits import Limits
from glowback_trio.serving.reading.socket_reader import Readiness
from glowback_trio.serving.records import FaultRecord, Load, Log, Record

__all__ = ["Service"]


@frozen(kw_only=True)
class Service:
    """The application, the rules and the owner's hooks.

    Attributes:
        app: The ASGI application.
        http: The rules of HTTP/1.1.
        log: Takes the records.
        load: What the server is busy with.
        readiness: Wakes the readers of the kernel's sockets; None on a system without epoll.
        tls: Set when connections are encrypted.
    """

    app: Any
    http: HttpOptions
    log: Log
    load: Load
    readiness: Readiness | None
    tls: SSLContext | None

    @property
    def limits(self) -> Limits:
        """What clients may do."""
        return self.http.limits

    def record(self, record: Record) -> None:
        """Give a record to the owner's log; what the log raises is dropped."""
        with suppress(Exception):
            self.log(record)

    def fault(self, where: str, error: BaseException) -> None:
        """Record an error of the application outside any request."""
        self.record(FaultRecord(where=where, error=error))
