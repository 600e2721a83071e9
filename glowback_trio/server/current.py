"""The request or WebSocket at hand, and what has been found out about it."""

from __future__ import annotations

from typing import Any, cast

from quart import has_request_context, request, websocket
from quart.wrappers import Request, Websocket

from glowback_trio.server.headers import request_id
from glowback_trio.server.site import Site

__all__ = ["client", "connection", "identity", "introduce", "is_encrypted", "state"]


def connection() -> Request | Websocket:
    """What is being answered."""
    return request if has_request_context() else websocket


def state() -> dict[str, Any]:
    """Its own copy of the server's state; records of what was served are given it, too."""
    scope = cast(dict[str, Any], connection().scope)
    known: dict[str, Any] = scope.setdefault("state", {})
    return known


def introduce(site: Site) -> None:
    """Find out its id, which is the client's own if that is harmless, its client and its route."""
    asked, known = connection(), state()
    known["request_id"] = request_id(asked.headers.get("X-Request-ID"), site.new_id)
    hops = asked.headers.getlist("X-Forwarded-For")
    known["client"] = site.proxies.client_address(_peer(), hops)
    if asked.url_rule is not None:
        known["route"] = asked.url_rule.rule.replace("<", "{").replace(">", "}")


def _peer() -> str | None:
    """Who is at the other end of the connection; a Unix socket does not say."""
    address: tuple[str, int] | None = cast(dict[str, Any], connection().scope).get("client")
    return None if address is None else address[0]


def identity() -> str:
    """Its id, once it is introduced."""
    identity_: str = state()["request_id"]
    return identity_


def client() -> str:
    """The address of its client, once it is introduced."""
    address: str = state()["client"]
    return address


def is_encrypted(site: Site) -> bool:
    """Whether the client encrypted it, as far as this server and the proxies it trusts can tell."""
    asked = connection()
    own = "https" if asked.scheme in ("https", "wss") else "http"
    said = asked.headers.getlist("X-Forwarded-Proto")
    return site.proxies.scheme(_peer(), said, own) == "https"
