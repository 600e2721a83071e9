"""What every response carries, those that no handler ever saw included."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from werkzeug.datastructures import Headers

from glowback_trio.server.http.request import RequestContext
from glowback_trio.server.security.cors import cors_headers
from glowback_trio.server.state.app_state import AppState

__all__ = ["HSTS", "NO_CONTENT_POLICY", "SECURITY_HEADERS", "add_common_headers", "request_id"]

#: For responses that are no page.
NO_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'"

SECURITY_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "geolocation=(), microphone=(), camera=()",
    "Cache-Control": "no-store",
    "Content-Security-Policy": NO_CONTENT_POLICY,
}

#: For responses over TLS: browsers come back over TLS only, for a year.
HSTS: Mapping[str, str] = {"Strict-Transport-Security": "max-age=31536000"}

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def request_id(offered: str | None, new_id: Callable[[], str]) -> str:
    """The client's own id if it can do no harm in a log or a header, else a new one."""
    return offered if offered and _REQUEST_ID.fullmatch(offered) else new_id()


def add_common_headers(
    app_state: AppState, context: RequestContext, headers: Headers | dict[str, str]
) -> None:
    """Add to an answer's own headers what every response carries."""
    for name, value in _common(app_state, context).items():
        headers.setdefault(name, value)


def _common(app_state: AppState, context: RequestContext) -> Mapping[str, str]:
    origin = context.headers.get("Origin")
    return {
        **SECURITY_HEADERS,
        "X-Request-ID": context.request_id,
        **context.notes.rate_headers,
        **(HSTS if _is_encrypted(app_state, context) else {}),
        **cors_headers(origin, app_state.settings.cors_origins),
    }


def _is_encrypted(app_state: AppState, context: RequestContext) -> bool:
    """Whether the client encrypted it, as far as this server and the proxies it trusts can tell."""
    own = "https" if context.encrypted else "http"
    said = context.headers.getlist("X-Forwarded-Proto")
    return app_state.access.proxies.scheme(context.peer, said, own) == "https"
