"""The request or handshake at hand, and what has been found out about it."""

from __future__ import annotations

from typing import Any, cast

from attrs import frozen
from quart import request
from werkzeug.datastructures import Headers

__all__ = ["RequestContext", "current_request", "state"]


@frozen(eq=False)
class RequestContext:
    """A request or handshake as the checks see it, whoever carries it: the framework or nobody.

    Attributes:
        scope: What ASGI says of it.
        path: The path asked for, without what the app is mounted under.
        headers: Its headers.
    """

    scope: dict[str, Any]
    path: str
    headers: Headers

    @classmethod
    def of(cls, scope: dict[str, Any]) -> RequestContext:
        """Read what a server without any framework says."""
        headers = Headers([(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]])
        path: str = scope["path"]
        return cls(scope, path.removeprefix(scope.get("root_path", "")), headers)

    @property
    def state(self) -> dict[str, Any]:
        """Its own copy of the server's state; records of what was served are given it, too."""
        known: dict[str, Any] = self.scope.setdefault("state", {})
        return known

    @property
    def peer(self) -> str | None:
        """Who is at the other end of the connection; a Unix socket does not say."""
        address: tuple[str, int] | None = self.scope.get("client")
        return None if address is None else address[0]

    @property
    def encrypted(self) -> bool:
        """Whether its connection is, as far as this server can tell."""
        return self.scope["scheme"] in ("https", "wss")

    @property
    def identity(self) -> str:
        """Its id, once it was greeted."""
        identity_: str = self.state["request_id"]
        return identity_

    @property
    def client(self) -> str:
        """The address of its client, once it was greeted."""
        address: str = self.state["client"]
        return address


def current_request() -> RequestContext:
    """What the framework is answering."""
    return RequestContext(cast("dict[str, Any]", request.scope), request.path, request.headers)


def state() -> dict[str, Any]:
    """The state of what the framework is answering."""
    return current_request().state
