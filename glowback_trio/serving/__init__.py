"""Serve any ASGI application on trio, over HTTP/1.1 and WebSocket, against clients of all kinds.

Belongs here: sockets, connections, HTTP/1.1, WebSocket, limits and the order of a shutdown.
Never here: anything about backtests, routes, authentication or the content of a response.
May be imported by: server, cli and testing, through the names of this module.
"""

from __future__ import annotations

from glowback_trio.serving.binding import Tls
from glowback_trio.serving.http.immediate import ImmediateResponse
from glowback_trio.serving.http.rejection import Rejection, RejectionResponse
from glowback_trio.serving.http.response_head import HeaderBlock
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
from glowback_trio.serving.websocket.close_reasons import CLOSE_REASONS
from glowback_trio.serving.websocket.handoff import HANDOFF, Handoff

__all__ = [
    "CLOSE_REASONS",
    "HANDOFF",
    "FaultRecord",
    "Feed",
    "Handoff",
    "HeaderBlock",
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
    "serve",
]
