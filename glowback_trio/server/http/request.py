"""The request or handshake being served, and what the checks have noted about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol, cast, overload

from attrs import define, field, frozen
from quart import request

from glowback_trio.server.http.router import Match

__all__ = [
    "NOTES",
    "RequestContext",
    "RequestHeaders",
    "RequestNotes",
    "current_request",
    "match_of",
]

#: The key of a request's notes in its ASGI state, which the serving room hands back in its records.
NOTES = "glowback_trio.notes"

# In the scope itself: some servers share one state among requests, and who has passed the checks
# must not speak for others.
_MATCH = "glowback_trio.match"


@define
class RequestNotes:
    """Facts that are found out about one request while it is served; the checks write it.

    Attributes:
        request_id: The request's id; None before `pipeline.checks.identify`.
        client: Address of the client; None before `identify`.
        route: Template of the path; None where no route matches.
        caller: The caller whose rate limit counts the request, as `rate_limit.caller_of` names it;
            None if no rate limit counts it.
        rate_headers: What the response says of that rate.
        from_peer: True if another gateway of the cluster has sent it.
        is_stream: True if the response lasts as long as a run.
    """

    request_id: str | None = None
    client: str | None = None
    route: str | None = None
    caller: str | None = None
    rate_headers: Mapping[str, str] = {}
    from_peer: bool = False
    is_stream: bool = False

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> RequestNotes:
        """Return the notes in an ASGI state; empty ones for a request that never got here."""
        return cast("RequestNotes | None", state.get(NOTES)) or cls()


class RequestHeaders(Protocol):
    """The headers of a request; the case of a name does not matter."""

    @overload
    def get(self, key: str, /) -> str | None: ...

    @overload
    def get(self, key: str, default: str, /) -> str: ...

    def get(self, key: str, default: str | None = None, /) -> str | None:
        """Return the first value of a name, or the default where there is none."""

    def getlist(self, key: str) -> Sequence[str]:
        """Return all values of a name."""


@frozen(eq=False)
class _HeadersOfScope:
    """The headers of an ASGI scope."""

    _lines: Sequence[tuple[bytes, bytes]]
    _first: dict[str, str] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        for name, value in self._lines:
            self._first.setdefault(name.decode("latin-1"), value.decode("latin-1"))

    def get(self, key: str, default: Any = None, /) -> Any:
        return self._first.get(key.lower(), default)

    def getlist(self, key: str) -> list[str]:
        name = key.lower()
        if name not in self._first:
            return []
        wanted = name.encode("latin-1")
        return [value.decode("latin-1") for each, value in self._lines if each == wanted]


def _headers_of(lines: Sequence[tuple[bytes, bytes]]) -> RequestHeaders:
    """Return the headers of a scope; this server gives those of equal heads as one tuple."""
    return _kept_headers(lines) if isinstance(lines, tuple) else _HeadersOfScope(lines)


_kept_headers = lru_cache(maxsize=512)(_HeadersOfScope)


@define(eq=False)
class RequestContext:
    """The HTTP request or WebSocket handshake, independent of Quart.

    Attributes:
        scope: Its ASGI scope.
        path: Its path, without the prefix under which the app is mounted.
        headers: Its headers.
        notes: The request's notes; they live in its scope, which every context of it shares.
    """

    scope: dict[str, Any]
    path: str
    headers: RequestHeaders
    notes: RequestNotes = field(init=False)

    def __attrs_post_init__(self) -> None:
        # The server gives each request its own copy of the lifespan state, others may give none.
        state: dict[str, Any] = self.scope.setdefault("state", {})
        notes: RequestNotes | None = state.get(NOTES)
        if notes is None:
            notes = state[NOTES] = RequestNotes()
        self.notes = notes

    @classmethod
    def of(cls, scope: dict[str, Any]) -> RequestContext:
        """Read an ASGI scope."""
        path: str = scope["path"]
        path = path.removeprefix(scope.get("root_path", ""))
        return cls(scope, path, _headers_of(scope["headers"]))

    @property
    def method(self) -> str:
        """The method of the request; empty for a handshake."""
        method: str = self.scope.get("method", "")
        return method

    @property
    def match(self) -> Match | None:
        """The route of a request that has passed the guard; None before."""
        return match_of(self.scope)

    def note_match(self, match: Match) -> None:
        """Note that the request has passed the guard, and its route."""
        self.scope[_MATCH] = match

    @property
    def peer(self) -> str | None:
        """The address at the other end of the connection; None for a Unix socket."""
        address: tuple[str, int] | None = self.scope.get("client")
        return None if address is None else address[0]

    @property
    def encrypted(self) -> bool:
        """True if the connection to this server is; a proxy may have decrypted it before."""
        return self.scope["scheme"] in ("https", "wss")

    @property
    def request_id(self) -> str:
        """The request's id, once it is identified."""
        # The first check identifies every request, so this holds wherever an id is used.
        request_id = self.notes.request_id
        assert request_id is not None
        return request_id

    @property
    def client(self) -> str:
        """The address of the client, once the request is identified."""
        client = self.notes.client
        assert client is not None
        return client


def current_request() -> RequestContext:
    """Return the request that Quart is handling in this task."""
    return RequestContext(cast("dict[str, Any]", request.scope), request.path, request.headers)


def match_of(scope: Mapping[str, Any]) -> Match | None:
    """Return the route of a request that has passed the guard; None before."""
    return cast("Match | None", scope.get(_MATCH))
