"""The hosts that a server serves, if its operator lists them: a defence against DNS rebinding.

A page can point its own DNS name at a server behind a firewall, which then counts as the page's
own origin. The browser still sends the page's name in `Host`.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from glowback_trio.server.http.errors import HttpError

__all__ = ["check_host"]

_HOST = re.compile(r"(?P<name>\[[^\[\]@/]+\]|[^\[\]@/:]+)(:\d*)?")


def check_host(host: str, allowed: Collection[str]) -> None:
    """Refuse a request for a host that is not served.

    Args:
        host: The `Host` header, with or without a port; empty if the request has none.
        allowed: Names and addresses without ports; empty: any host.

    Raises:
        HttpError: 400.
    """
    match = _HOST.fullmatch(host.lower())
    if allowed and (match is None or match["name"] not in map(str.lower, allowed)):
        raise HttpError(400, "This server does not serve that Host")
