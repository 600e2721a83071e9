"""API keys: where a request may carry one, and how it is compared."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.request import RequestHeaders

__all__ = ["check_key", "presented_key", "unauthorized"]

_HOW = "send a key of this server as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'"


def presented_key(headers: RequestHeaders, in_query: str | None = None) -> str | None:
    """Return the key of a request; the first source that has one decides, right or wrong.

    Args:
        headers: `Authorization: Bearer` comes first, then `X-API-Key`.
        in_query: The `api_key` of a WebSocket's query, since browsers cannot set its headers.
    """
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("X-API-Key") or in_query


def check_key(keys: Sequence[str], presented: str | None) -> None:
    """Check a key against those of the server; without keys, everything passes.

    Raises:
        HttpError: 401.
    """
    # Every key is compared, each in constant time, so that timing reveals nothing.
    given = (presented or "").encode()
    matches = [hmac.compare_digest(key.encode(), given) for key in keys]
    if keys and not any(matches):
        what = "Invalid API key" if presented else "Missing API key"
        raise unauthorized(f"{what}: {_HOW}")


def unauthorized(message: str, scheme: str = "Bearer") -> HttpError:
    """Return a 401, which names the scheme to authenticate with."""
    return HttpError(401, message, headers={"WWW-Authenticate": scheme})
