"""Options that the HTTP/1.1 of all connections of one server has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from glowback_trio.serving.http.immediate import ImmediateHandler
from glowback_trio.serving.http.rejection import RejectionHandler
from glowback_trio.serving.http.request_limits import BodyAccount
from glowback_trio.serving.hub import Hub
from glowback_trio.serving.limits import Limits

__all__ = ["HttpOptions"]


@frozen(kw_only=True)
class HttpOptions:
    """The rules and the owner's handlers.

    Attributes:
        limits: What clients may do.
        immediate: Makes the responses that need no waiting.
        reject: Makes the responses that are given without the application.
        hub: Writes to the WebSockets that are handed over to it.
        state: The lifespan state; each request gets a copy.
        secure: True if connections are encrypted.
        bodies: Counts the bytes of request bodies.
        date_header: True if responses carry the time of day.
    """

    limits: Limits
    immediate: ImmediateHandler
    reject: RejectionHandler
    hub: Hub
    state: Mapping[str, Any]
    secure: bool
    bodies: BodyAccount
    date_header: bool
