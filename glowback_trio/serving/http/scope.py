"""The ASGI scopes of requests and handshakes (ASGI specification, HTTP and WebSocket)."""

from __future__ import annotations

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
    return {
        "type": "http",
        "asgi": {"spec_version": "2.1", "version": "3.0"},
        "method": request.method.decode("ascii"),
        "scheme": "https" if options.secure else "http",
        "extensions": {},
        **_common(request, headers, options, connection),
    }


def websocket_scope(
    request: RequestHead, headers: Headers, options: HttpOptions, connection: ConnectionPort
) -> dict[str, Any]:
    """Return the scope of a WebSocket handshake, without its subprotocols; see `http_scope`."""
    return {
        "type": "websocket",
        "asgi": {"spec_version": "2.3", "version": "3.0"},
        "scheme": "wss" if options.secure else "ws",
        "extensions": {"websocket.http.response": {}},
        **_common(request, headers, options, connection),
    }


def _common(
    request: RequestHead, headers: Headers, options: HttpOptions, connection: ConnectionPort
) -> dict[str, Any]:
    path, _, query = origin_form(request).partition(b"?")
    return {
        "http_version": request.http_version.decode("ascii"),
        "path": unquote(path.decode("ascii")) if b"%" in path else path.decode("ascii"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": connection.client,
        "server": connection.server,
        # Shallow, as ASGI has it: what the values refer to is shared by all requests.
        "state": dict(options.state),
    }
