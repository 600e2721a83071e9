"""What every response carries, those that no handler ever saw included."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

__all__ = ["HSTS", "NO_CONTENT_POLICY", "SECURITY_HEADERS", "request_id"]

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
