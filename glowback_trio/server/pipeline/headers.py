"""The headers of every response, of those that no handler saw as well."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from werkzeug.datastructures import Headers

from glowback_trio.server.http.request import RequestContext
from glowback_trio.server.http.responses import Response, encode_headers
from glowback_trio.server.security.cors import cors_headers
from glowback_trio.server.security.peer_identity import CLIENT_SCHEME
from glowback_trio.server.state.app_state import AppState
from glowback_trio.serving import HeaderBlock, ImmediateResponse

__all__ = [
    "HSTS",
    "NO_CONTENT_POLICY",
    "SECURITY_HEADERS",
    "add_common_headers",
    "choose_request_id",
    "client_scheme",
    "immediate_response",
]

#: For all responses but pages, which have their own policy.
NO_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'"

SECURITY_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "geolocation=(), microphone=(), camera=()",
    "Cache-Control": "no-store",
    "Content-Security-Policy": NO_CONTENT_POLICY,
}

#: For responses over TLS: browsers use nothing but TLS for a year.
HSTS: Mapping[str, str] = {"Strict-Transport-Security": "max-age=31536000"}

_NONE = HeaderBlock.of([])
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def choose_request_id(sent: str | None, new_id: Callable[[], str]) -> str:
    """Return the id that the client sent, if a log and a header can hold it, else a new one."""
    return sent if sent and _REQUEST_ID.fullmatch(sent) else new_id()


def add_common_headers(app_state: AppState, context: RequestContext, headers: Headers) -> None:
    """Add the headers of every response to those that the handler set."""
    for name, value in {**SECURITY_HEADERS, **_varying(app_state, context)}.items():
        headers.setdefault(name, value)


def immediate_response(
    app_state: AppState, context: RequestContext, response: Response
) -> ImmediateResponse:
    """Return a response as bytes, with the headers of every response."""
    # Errors are documents, and no handler of the fast path streams.
    assert isinstance(response.body, bytes)
    lines, block = encode_headers(_varying(app_state, context)), _block(response.content_type)
    if response.headers:
        own = dict(encode_headers(response.headers))
        common = (*block.headers, *lines)
        lines, block = [*own.items(), *(line for line in common if line[0] not in own)], _NONE
    lines.append((b"content-length", b"%d" % len(response.body)))
    return ImmediateResponse(response.status, lines, response.body, block)


# Written once: almost every response has all of them.
@lru_cache(maxsize=16)
def _block(content_type: str | None) -> HeaderBlock:
    own = {} if content_type is None else {"Content-Type": content_type}
    return HeaderBlock.of(encode_headers({**own, **SECURITY_HEADERS}))


def _varying(app_state: AppState, context: RequestContext) -> Mapping[str, str]:
    """Return the headers of every response that are not the same in all of them."""
    notes, allowed = context.notes, app_state.settings.cors_origins
    headers = {"X-Request-ID": context.request_id, **notes.rate_headers}
    if client_scheme(app_state, context) == "https":
        headers.update(HSTS)
    if allowed:
        headers.update(cors_headers(context.headers.get("Origin"), allowed))
    return headers


def client_scheme(app_state: AppState, context: RequestContext) -> str:
    """Return the scheme that the client used, as this server or a trusted proxy saw it."""
    direct = "https" if context.encrypted else "http"
    if context.notes.from_peer:
        return context.headers.get(CLIENT_SCHEME, direct)
    forwarded = context.headers.getlist("X-Forwarded-Proto")
    return app_state.access.proxies.scheme(context.peer, forwarded, direct)
