"""Pages of other hosts: which of them may use the API from somebody's browser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from werkzeug.datastructures import Headers

from glowback_trio.server.http.errors import HttpError

__all__ = ["check_origin", "cors_headers", "is_listed", "preflight_headers"]

_ALLOWED_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-API-Key, X-Request-ID"
)
_EXPOSED_HEADERS = (
    "Link, Location, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, "
    "X-Request-ID"
)
_PREFLIGHT_S = "600"


def check_origin(headers: Headers, allowed: Sequence[str]) -> None:
    """Refuse a page of another host that is not listed.

    Without keys, whoever reaches the port may do anything; a browser reaches it on behalf of any
    page it has open, and says so in `Origin`.

    Raises:
        HttpError: 403.
    """
    origin = headers.get("Origin")
    if origin and not is_listed(origin, allowed) and not _is_own(origin, headers.get("Host", "")):
        raise HttpError(403, "This origin may not use this server")


def is_listed(origin: str, allowed: Sequence[str]) -> bool:
    """Whether an origin is among those that may use the API."""
    return "*" in allowed or origin.lower() in (each.lower() for each in allowed)


def _is_own(origin: str, host: str) -> bool:
    return bool(host) and origin.lower().partition("://")[2] == host.lower()


def cors_headers(origin: str | None, allowed: Sequence[str]) -> Mapping[str, str]:
    """What a browser must read to show a response to a page; never with credentials."""
    if not allowed:
        return {}
    if origin is None or not is_listed(origin, allowed):
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": "*" if "*" in allowed else origin,
        "Access-Control-Expose-Headers": _EXPOSED_HEADERS,
        "Vary": "Origin",
    }


def preflight_headers(methods: Iterable[str]) -> dict[str, str]:
    """What a browser may send next."""
    return {
        "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
        "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
        "Access-Control-Max-Age": _PREFLIGHT_S,
    }
