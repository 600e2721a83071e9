"""The ASGI scopes of requests and handshakes (ASGI specification, HTTP and WebSocket)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from glowback_trio.serving.http.head_checks import origin_form
from glowback_trio.serving.http.options import HttpOptions
from glowback_trio.serving.http.request_head import Headers, RequestHead
from glowback_trio.serving.ports import ConnectionPort

__all__ = ["http_scope", "websocket_scope"]


def http_scope(
    request: RequestHead, headers: Headers, options: HttpOptions, connection: ConnectionPort
) -> dict[str, Any]:
    """Return the scope of an HTTP request.

    Args:
        request: The request; its target has been checked.
        headers: Its headers, as the application shall see them.
        options: Gives the scheme and the lifespan state, which is copied.
        connection: Gives the addresses.
    """
    method, version, path, raw_path, query = _parts(
        request.method, request.http_version, origin_form(request)
    )
    return {
        "type": "http",
        "asgi": {"spec_version": "2.1", "version": "3.0"},
        "method": method,
        "scheme": "https" if options.secure else "http",
        "extensions": {},
        "http_version": version,
        "path": path,
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": connection.client,
        "server": connection.server,
        # Shallow, as ASGI has it: what the values refer to is shared by all requests.
        "state": dict(options.state),
    }


def websocket_scope(
    request: RequestHead, headers: Headers, options: HttpOptions, connection: ConnectionPort
) -> dict[str, Any]:
    """Return the scope of a WebSocket handshake, without its subprotocols; see `http_scope`."""
    scope = http_scope(request, headers, options, connection)
    del scope["method"]
    return scope | {
        "type": "websocket",
        "asgi": {"spec_version": "2.3", "version": "3.0"},
        "scheme": "wss" if options.secure else "ws",
        "extensions": {"websocket.http.response": {}},
    }


# The same few requests come again and again.
@lru_cache(maxsize=512)
def _parts(method: bytes, version: bytes, target: bytes) -> tuple[str, str, str, bytes, bytes]:
    """Return method, version, path, path as it was sent, and query."""
    path, _, query = target.partition(b"?")
    text = path.decode("ascii")
    return (
        method.decode("ascii"),
        version.decode("ascii"),
        unquote(text) if "%" in text else text,
        path,
        query,
    )
