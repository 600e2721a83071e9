"""Cross-origin requests: whose pages may use the API from a browser."""

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
    """Refuse a page of another origin that is not allowed.

    Without keys, any client that reaches the port may do anything. A browser reaches it on behalf
    of every page it has open, and names the page in `Origin`.

    Raises:
        HttpError: 403.
    """
    origin = headers.get("Origin")
    if origin and not is_listed(origin, allowed) and not _is_own(origin, headers.get("Host", "")):
        raise HttpError(403, "This origin may not use this server")


def is_listed(origin: str, allowed: Sequence[str]) -> bool:
    """Return whether an origin may use the API."""
    return "*" in allowed or origin.lower() in (each.lower() for each in allowed)


def _is_own(origin: str, host: str) -> bool:
    return bool(host) and origin.lower().partition("://")[2] == host.lower()


def cors_headers(origin: str | None, allowed: Sequence[str]) -> Mapping[str, str]:
    """Return the headers that let a browser show the response to a page, without credentials."""
    if not allowed:
        return {}
    if origin is None or not is_listed(origin, allowed):
        # Otherwise a cache could show the response for one origin to another.
        return {"Vary": "Origin"}
    return {
        # Never with Allow-Credentials: keys are sent by scripts, cookies are not used.
        "Access-Control-Allow-Origin": "*" if "*" in allowed else origin,
        "Access-Control-Expose-Headers": _EXPOSED_HEADERS,
        "Vary": "Origin",
    }


def preflight_headers(methods: Iterable[str]) -> dict[str, str]:
    """Return the headers of a preflight response: what the browser may send."""
    return {
        "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
        "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
        "Access-Control-Max-Age": _PREFLIGHT_S,
    }
