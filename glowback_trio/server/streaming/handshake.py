"""The checks between a WebSocket handshake and its stream, in their order.

Host (400), path (404), ticket or key (401, 429), origin (403), query (400). A rejected handshake
gets an HTTP response and never becomes a WebSocket.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from attrs import frozen
from werkzeug.datastructures import MultiDict

from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.bounds import Checked
from glowback_trio.model.stream_protocol import FAULT
from glowback_trio.server.http.errors import HttpError, sentence, unknown_path
from glowback_trio.server.http.parameters import read_query
from glowback_trio.server.http.request import RequestContext
from glowback_trio.server.pipeline.auth import admit_stream
from glowback_trio.server.pipeline.checks import (
    check_cross_origin,
    error_response,
    identify,
    logging_faults,
)
from glowback_trio.server.pipeline.headers import immediate_response
from glowback_trio.server.security.api_keys import presented_key
from glowback_trio.server.security.tickets import read_protocols
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.streaming.change_stream import CHANGES
from glowback_trio.server.streaming.log_stream import StreamKind
from glowback_trio.server.streaming.optimization_stream import OPTIMIZATIONS
from glowback_trio.server.streaming.run_stream import RUNS
from glowback_trio.server.streaming.websocket import AsgiWebSocket

__all__ = ["serve_stream"]

# Type checkers cannot see that a kind finds by the query that it reads.
_KINDS: Sequence[StreamKind[Any]] = (RUNS, OPTIMIZATIONS, CHANGES)


@frozen
class _Requested:
    """The stream that a handshake asks for: its kind, and the parameters in its path."""

    kind: StreamKind[Any]
    arguments: Mapping[str, str]


async def serve_stream(app_state: AppState, websocket: AsgiWebSocket) -> None:
    """Serve one WebSocket: check its handshake, then stream, or reject it with the reason."""
    context = websocket.context
    try:
        requested = _find(app_state, context)
        with logging_faults():
            subprotocol = await _admit(app_state, context)
            query = _read_query(context, requested.kind)
    except Exception as error:  # noqa: BLE001 - every error has its response
        await websocket.reject(
            immediate_response(app_state, context, error_response(error, context))
        )
        return
    try:
        with logging_faults():
            kind, arguments = requested.kind, requested.arguments
            await kind.serve(app_state, websocket, arguments, query, subprotocol)
    except Exception:  # noqa: BLE001 - logged above; the client learns it from the close
        await websocket.close(FAULT)


def _find(app_state: AppState, context: RequestContext) -> _Requested:
    """Identify the handshake, and return what its path asks for."""
    for kind, pattern in _PATTERNS:
        if path := pattern.fullmatch(context.path):
            arguments = path.groupdict()
            identify(app_state, context, arguments.pop("version") + kind.path)
            return _Requested(kind, arguments)
    identify(app_state, context, None)
    raise unknown_path()  # not 405: other methods of the path are no WebSockets


def _pattern(kind: StreamKind[Any]) -> re.Pattern[str]:
    path = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", kind.path)
    return re.compile(rf"(?P<version>(?:/v1)?){path}/?")


_PATTERNS = [(kind, _pattern(kind)) for kind in _KINDS]
# The query of most handshakes, parsed once.
_DEFAULTS: Mapping[StreamKind[Any], Checked] = {kind: kind.query() for kind in _KINDS}


async def _admit(app_state: AppState, context: RequestContext) -> str | None:
    """Admit a client, and return the subprotocol to select."""
    offered = read_protocols(context.headers.getlist("Sec-WebSocket-Protocol"))
    # Skips the parsing; thousands of streams may connect at once after a restart.
    in_query = _arguments(context).get("api_key") if context.scope["query_string"] else None
    key = presented_key(context.headers, in_query)
    await admit_stream(app_state.access, context, offered, key)
    check_cross_origin(app_state, context)
    return offered.subprotocol


def _arguments(context: RequestContext) -> MultiDict[str, str]:
    return MultiDict(parse_qsl(context.scope["query_string"].decode(), keep_blank_values=True))


def _read_query(context: RequestContext, kind: StreamKind[Any]) -> Checked:
    if not context.scope["query_string"]:
        return _DEFAULTS[kind]
    try:
        read: Checked = read_query(_arguments(context), kind.query)
    except InvalidRequestError as error:
        raise HttpError(400, sentence(error)) from None
    return read
