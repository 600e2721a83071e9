"""Admission: by key, by ticket or as a peer, and within the caller's rate."""

from __future__ import annotations

from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.request import RequestContext
from glowback_trio.server.security.access_control import AccessControl
from glowback_trio.server.security.api_keys import check_key, unauthorized
from glowback_trio.server.security.peer_identity import SCHEME, presented_token
from glowback_trio.server.security.rate_limit import Verdict, caller_of
from glowback_trio.server.security.tickets import OfferedProtocols

__all__ = ["admit", "admit_peer", "admit_stream", "count_request"]

_NO_PEER = (
    "This token of a peer is wrong: give all gateways of a cluster the same GLOWBACK_PEER_SECRET"
)
_LATER = "; try again after the seconds that Retry-After states"


def admit(access: AccessControl, context: RequestContext, key: str | None) -> str:
    """Admit a client by its key, and return the name of the caller.

    Raises:
        HttpError: 401: the key is missing or wrong. 429, before the key is compared: too many wrong
            keys came from this address.
    """
    address = caller_of(None, context.client)
    if not access.api_keys:
        return address
    if key is not None:
        # Looked at before the comparison, so that guessing stops even at a right guess.
        _require(access.wrong_keys.look(address), f"Too many wrong keys from this address{_LATER}")
    try:
        check_key(access.api_keys, key)
    except HttpError:
        if key is not None:
            access.wrong_keys.take(address)
        raise
    # Only a checked key names a caller: see `caller_of`.
    return caller_of(key, address)


def admit_peer(access: AccessControl, context: RequestContext) -> bool:
    """Return whether a request comes from a peer; one that claims it wrongly is refused.

    Raises:
        HttpError: 401: the token is wrong, also on a server that needs no keys: a gateway with
            another secret must not pass for a client, whose requests may be forwarded. 429, before
            the token is compared: too many wrong ones came from this address.
    """
    if (token := presented_token(context.headers)) is None:
        return False
    address = caller_of(None, context.client)
    verdict = access.wrong_keys.look(address)
    if not verdict.allowed:
        message = f"Too many wrong tokens from this address{_LATER}"
        raise HttpError(429, message, headers={**verdict.headers, "WWW-Authenticate": SCHEME})
    if not access.peers.knows(token):
        access.wrong_keys.take(address)
        raise unauthorized(_NO_PEER, SCHEME)
    return True


async def admit_stream(
    access: AccessControl, context: RequestContext, offered: OfferedProtocols, key: str | None
) -> None:
    """Admit a stream by its ticket, if it offers one, else by its key; a peer needs neither.

    Raises:
        HttpError: As `admit` does.
        StoreError: The store that gateways share cannot be read at the moment.
    """
    if context.notes.from_peer and key is None:
        return
    # Without keys every ticket passes, old ones as well: a page need not know which server it has.
    if offered.ticket is None or not access.api_keys:
        admit(access, context, key)
        return
    address = caller_of(None, context.client)
    _require(access.wrong_keys.look(address), f"Too many wrong tickets from this address{_LATER}")
    if await access.tickets.redeem(offered.ticket) is None:
        access.wrong_keys.take(address)
        message = "This ticket is unknown, used or expired: get one by POST /stream-tickets"
        raise unauthorized(message)


def count_request(access: AccessControl, context: RequestContext, caller: str) -> None:
    """Count a request against its caller's rate, and note what is left for the response.

    What a peer forwards was counted where its client sent it.

    Raises:
        HttpError: 429.
    """
    if context.notes.from_peer:
        context.notes.caller = caller
        return
    # A refused request takes no token, so waiting for the stated time always helps.
    verdict = _require(access.request_rates.take(caller), f"Too many requests{_LATER}")
    context.notes.caller, context.notes.rate_headers = caller, verdict.headers


def _require(verdict: Verdict, message: str) -> Verdict:
    if not verdict.allowed:
        raise HttpError(429, message, headers=verdict.headers)
    return verdict
