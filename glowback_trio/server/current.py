"""The request or WebSocket at hand, and the id it goes by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from quart import has_request_context, request, websocket
from quart.wrappers import Request, Websocket

from glowback_trio.server.headers import request_id

__all__ = ["connection", "identify", "identity"]


def connection() -> Request | Websocket:
    """What is being answered."""
    return request if has_request_context() else websocket


def identify(new_id: Callable[[], str]) -> None:
    """Give it an id: the client's, if that is harmless."""
    _state()["request_id"] = request_id(connection().headers.get("X-Request-ID"), new_id)


def identity() -> str:
    """Its id, once it has one."""
    return _state()["request_id"]


def _state() -> dict[str, str]:
    """Its own copy of the server's state; records of what was served are given it, too."""
    scope = cast(dict[str, Any], connection().scope)
    state: dict[str, str] = scope.setdefault("state", {})
    return state
