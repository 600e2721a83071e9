"""Who may come in, by key or by ticket, and how often."""

from __future__ import annotations

from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.request import RequestContext
from glowback_trio.server.security.access_control import AccessControl
from glowback_trio.server.security.api_keys import check_key, unauthorized
from glowback_trio.server.security.rate_limit import Verdict, caller_of
from glowback_trio.server.security.tickets import OfferedProtocols

__all__ = ["admit", "admit_stream", "count_request"]


def admit(access: AccessControl, context: RequestContext, key: str | None) -> str:
    """Let a client in by its key, and name the caller it is from here on.

    Raises:
        HttpError: 401; or 429, before the key is compared, where too many wrong ones came from its
            address.
    """
    keys, origin = access.api_keys, caller_of(None, context.client)
    if not keys:
        return origin
    if key is not None:
        _demand(access.wrong_keys.look(origin), "Too many wrong keys from this address")
    try:
        check_key(keys, key)
    except HttpError:
        if key is not None:
            access.wrong_keys.take(origin)
        raise
    return caller_of(key, origin)


def admit_stream(
    access: AccessControl, context: RequestContext, offered: OfferedProtocols, key: str | None
) -> None:
    """Let a stream in by its ticket, which decides if there is one, else by its key.

    Raises:
        HttpError: As `admit` does.
    """
    if offered.ticket is None or not access.api_keys:
        admit(access, context, key)
        return
    origin = caller_of(None, context.client)
    _demand(access.wrong_keys.look(origin), "Too many wrong tickets from this address")
    if access.tickets.redeem(offered.ticket) is None:
        access.wrong_keys.take(origin)
        raise unauthorized("This ticket is unknown, used or expired")


def count_request(access: AccessControl, context: RequestContext, caller: str) -> None:
    """Take a token from a caller's bucket; the answer will tell what is left.

    Raises:
        HttpError: 429.
    """
    verdict = _demand(access.request_rates.take(caller), "Too many requests")
    context.notes.caller, context.notes.rate_headers = caller, verdict.headers


def _demand(verdict: Verdict, refusal: str) -> Verdict:
    if not verdict.allowed:
        raise HttpError(429, refusal, headers=verdict.headers)
    return verdict
