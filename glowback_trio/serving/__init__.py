"""A trio server for any ASGI application: HTTP/1.1 and WebSocket, and no client that can break it.

It stands on Hypercorn's protocol classes, h11 and wsproto, and knows nothing of what it serves.
"""

from __future__ import annotations

from glowback_trio.serving.binding import Tls
from glowback_trio.serving.exception_groups import leaves
from glowback_trio.serving.http.immediate import ImmediateResponse
from glowback_trio.serving.http.rejection import Rejection, RejectionResponse
from glowback_trio.serving.hub import Feed
from glowback_trio.serving.limits import Limits
from glowback_trio.serving.records import (
    FaultRecord,
    Load,
    Record,
    RequestFacts,
    RequestRecord,
    WebSocketRecord,
)
from glowback_trio.serving.server import serve
from glowback_trio.serving.websocket.handoff import HANDOFF, Handoff

__all__ = [
    "HANDOFF",
    "FaultRecord",
    "Feed",
    "Handoff",
    "ImmediateResponse",
    "Limits",
    "Load",
    "Record",
    "Rejection",
    "RejectionResponse",
    "RequestFacts",
    "RequestRecord",
    "Tls",
    "WebSocketRecord",
    "leaves",
    "serve",
]
