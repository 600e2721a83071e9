"""The checks between a WebSocket handshake and its stream, in their order.

Host (400), path (404), ticket or key (401, 429), origin (403), query (400). A rejected handshake
gets an HTTP response and never becomes a WebSocket.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from werkzeug.datastructures import MultiDict

from glowback_trio.errors import InvalidRequestError
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
from glowback_trio.server.pipeline.guard import serialize
from glowback_trio.server.security.api_keys import presented_key
from glowback_trio.server.security.tickets import read_protocols
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.streaming.run_stream import STREAM_PATH, StreamQuery, stream_events
from glowback_trio.server.streaming.websocket import AsgiWebSocket

__all__ = ["serve_stream"]

# The query of most handshakes, parsed once.
_DEFAULT_QUERY = StreamQuery()

_PREFIX, _RUN_ID, _REST = STREAM_PATH.partition("{run_id}")
_STREAM = re.compile(rf"(?P<version>(?:/v1)?){_PREFIX}(?P<run_id>[^/]+){_REST}/?")


async def serve_stream(app_state: AppState, websocket: AsgiWebSocket) -> None:
    """Serve one WebSocket: check its handshake, then stream, or reject it with the reason."""
    context = websocket.context
    try:
        run_id = _find(app_state, context)
        with logging_faults():
            subprotocol = _admit(app_state, context)
            query = _read_query(context)
    except Exception as error:  # noqa: BLE001 - every error has its response
        await websocket.reject(serialize(app_state, context, error_response(error, context)))
        return
    try:
        with logging_faults():
            await stream_events(app_state, websocket, run_id, query, subprotocol)
    except Exception:  # noqa: BLE001 - logged above; the client learns it from the close
        await websocket.close(FAULT)


def _find(app_state: AppState, context: RequestContext) -> str:
    """Identify the handshake, and return the id of the run in its path."""
    path = _STREAM.fullmatch(context.path)
    identify(app_state, context, None if path is None else path["version"] + STREAM_PATH)
    if path is None:
        raise unknown_path()  # not 405: other methods of the path are no WebSockets
    return path["run_id"]


def _admit(app_state: AppState, context: RequestContext) -> str | None:
    """Admit a client, and return the subprotocol to select."""
    offered = read_protocols(context.headers.getlist("Sec-WebSocket-Protocol"))
    key = presented_key(context.headers, _arguments(context).get("api_key"))
    admit_stream(app_state.access, context, offered, key)
    check_cross_origin(app_state, context)
    return offered.subprotocol


def _arguments(context: RequestContext) -> MultiDict[str, str]:
    return MultiDict(parse_qsl(context.scope["query_string"].decode(), keep_blank_values=True))


def _read_query(context: RequestContext) -> StreamQuery:
    # Skips the parsing; thousands of streams may connect at once after a restart.
    if not context.scope["query_string"]:
        return _DEFAULT_QUERY
    try:
        return read_query(_arguments(context), StreamQuery)
    except InvalidRequestError as error:
        raise HttpError(400, sentence(error)) from None
