"""Who may come in, by key or by ticket, and how often."""

from __future__ import annotations

from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.request import RequestContext
from glowback_trio.server.security.api_keys import check_key, unauthorized
from glowback_trio.server.security.rate_limit import Verdict, caller_of
from glowback_trio.server.security.tickets import OfferedProtocols
from glowback_trio.server.state.app_state import AppState

__all__ = ["admit", "admit_stream", "count_request"]


def admit(app_state: AppState, context: RequestContext, key: str | None) -> str:
    """Let a client in by its key, and name the caller it is from here on.

    Raises:
        HttpError: 401; or 429, before the key is compared, where too many wrong ones came from its
            address.
    """
    keys, origin = app_state.settings.api_keys, caller_of(None, context.client)
    if not keys:
        return origin
    if key is not None:
        _demand(app_state.failed_keys.look(origin), "Too many wrong keys came from this address")
    try:
        check_key(keys, key)
    except HttpError:
        if key is not None:
            app_state.failed_keys.take(origin)
        raise
    return caller_of(key, origin)


def admit_stream(
    app_state: AppState, context: RequestContext, offered: OfferedProtocols, key: str | None
) -> None:
    """Let a stream in by its ticket, which decides if there is one, else by its key.

    Raises:
        HttpError: As `admit` does.
    """
    if offered.ticket is None or not app_state.settings.api_keys:
        admit(app_state, context, key)
        return
    origin = caller_of(None, context.client)
    _demand(app_state.failed_keys.look(origin), "Too many wrong tickets came from this address")
    if app_state.tickets.redeem(offered.ticket) is None:
        app_state.failed_keys.take(origin)
        raise unauthorized("This ticket is unknown, used or too old")


def count_request(app_state: AppState, context: RequestContext, caller: str) -> None:
    """Take a token from a caller's bucket; the answer will tell what is left.

    Raises:
        HttpError: 429.
    """
    verdict = _demand(app_state.requests.take(caller), "Too many requests")
    context.notes.caller, context.notes.rate_headers = caller, verdict.headers


def _demand(verdict: Verdict, refusal: str) -> Verdict:
    if not verdict.allowed:
        raise HttpError(429, refusal, headers=verdict.headers)
    return verdict
