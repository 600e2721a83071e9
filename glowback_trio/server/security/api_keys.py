"""Who may come in: keys, where they are looked for and how they are compared."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from werkzeug.datastructures import Headers

from glowback_trio.server.http.errors import HttpError

__all__ = ["check_key", "presented_key", "unauthorized"]


def presented_key(headers: Headers, in_query: str | None = None) -> str | None:
    """The key a client presents: the first source present decides, right or wrong.

    Args:
        headers: `Authorization: Bearer` comes first, then `X-API-Key`.
        in_query: The `api_key` of a WebSocket's query; browsers cannot send headers with one.
    """
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("X-API-Key") or in_query


def check_key(keys: Sequence[str], presented: str | None) -> None:
    """Let nobody in without a key, unless there are none.

    Raises:
        HttpError: 401.
    """
    # All keys are compared, each in constant time, so that the time tells nothing.
    given = (presented or "").encode()
    matches = [hmac.compare_digest(key.encode(), given) for key in keys]
    if keys and not any(matches):
        raise unauthorized("Invalid or missing API key")


def unauthorized(message: str) -> HttpError:
    """What a client is told that may not come in: how it might."""
    return HttpError(401, message, headers={"WWW-Authenticate": "Bearer"})
