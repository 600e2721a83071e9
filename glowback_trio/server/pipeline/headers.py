"""The headers of every response, of those that no handler saw as well."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from werkzeug.datastructures import Headers

from glowback_trio.server.http.request import RequestContext
from glowback_trio.server.security.cors import cors_headers
from glowback_trio.server.state.app_state import AppState

__all__ = [
    "HSTS",
    "NO_CONTENT_POLICY",
    "SECURITY_HEADERS",
    "add_common_headers",
    "choose_request_id",
    "client_scheme",
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

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def choose_request_id(sent: str | None, new_id: Callable[[], str]) -> str:
    """Return the id that the client sent, if a log and a header can hold it, else a new one."""
    return sent if sent and _REQUEST_ID.fullmatch(sent) else new_id()


def add_common_headers(
    app_state: AppState, context: RequestContext, headers: Headers | dict[str, str]
) -> None:
    """Add the headers of every response to those that the handler set."""
    for name, value in _common(app_state, context).items():
        headers.setdefault(name, value)


def _common(app_state: AppState, context: RequestContext) -> Mapping[str, str]:
    origin = context.headers.get("Origin")
    return {
        **SECURITY_HEADERS,
        "X-Request-ID": context.request_id,
        **context.notes.rate_headers,
        **(HSTS if client_scheme(app_state, context) == "https" else {}),
        **cors_headers(origin, app_state.settings.cors_origins),
    }


def client_scheme(app_state: AppState, context: RequestContext) -> str:
    """Return the scheme that the client used, as this server or a trusted proxy saw it."""
    direct = "https" if context.encrypted else "http"
    forwarded = context.headers.getlist("X-Forwarded-Proto")
    return app_state.access.proxies.scheme(context.peer, forwarded, direct)
