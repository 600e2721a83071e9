"""What all connections of one server share."""

from __future__ import annotations

from contextlib import suppress
from ssl import SSLContext
from typing import Any

from attrs import frozen
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext

from glowback_trio.serving.http.immediate import ImmediateHandler
from glowback_trio.serving.http.rejection import RejectionHandler
from glowback_trio.serving.hub import Hub
from glowback_trio.serving.limits import Limits
from glowback_trio.serving.records import FaultRecord, Load, Log, Record

__all__ = ["Service"]


@frozen(kw_only=True)
class Service:
    """The application, the rules and the owner's hooks.

    Attributes:
        app: The ASGI application.
        config: Hypercorn's settings, as far as its protocol classes read them.
        context: Hypercorn's word for whether the server is ending.
        limits: What clients may do.
        prompt: Makes the answers that need no waiting.
        refuse: Makes the answers given without the application.
        log: Takes the records.
        load: What there is to do now.
        hub: Writes to the WebSockets that were handed over to it.
        state: The lifespan state; each request gets a copy.
        tls: Set when connections are encrypted.
    """

    app: Any
    config: Config
    context: WorkerContext
    limits: Limits
    prompt: ImmediateHandler
    refuse: RejectionHandler
    log: Log
    load: Load
    hub: Hub
    state: dict[str, Any]
    tls: SSLContext | None

    @property
    def secure(self) -> bool:
        """Whether connections are encrypted."""
        return self.tls is not None

    def record(self, record: Record) -> None:
        """Give a record to the owner's log; what the log raises is dropped."""
        with suppress(Exception):
            self.log(record)

    def fault(self, where: str, error: BaseException) -> None:
        """Record an error of the application outside any request."""
        self.record(FaultRecord(where=where, error=error))
