"""Cross-origin requests: whose pages may use the API from a browser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def check_origin(origin: str | None, own: str, allowed: Sequence[str]) -> None:
    """Refuse a page of another origin that is not allowed.

    Without keys, any client that reaches the port may do anything. A browser reaches it on behalf
    of every page it has open, and names the page in `Origin`.

    Args:
        origin: The `Origin` header, with scheme, host and port; None where there is none.
        own: The origin of this server's own pages, as the client reached it.
        allowed: The origins whose pages may use the API, or `*`.

    Raises:
        HttpError: 403.
    """
    if origin and not is_listed(origin, allowed) and _normal(origin) != _normal(own):
        raise HttpError(403, "This origin may not use this server")


def is_listed(origin: str, allowed: Sequence[str]) -> bool:
    """Return whether an origin may use the API."""
    return "*" in allowed or _normal(origin) in map(_normal, allowed)


def _normal(origin: str) -> str:
    """Return an origin as all its spellings are alike: in lower case, without a default port."""
    origin = origin.lower()
    scheme = origin.partition(":")[0]
    return origin.removesuffix(_DEFAULT_PORTS.get(scheme, ""))


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
