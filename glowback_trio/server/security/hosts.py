"""Names under which the server answers, where somebody has said which.

A page can give its own name the address of a server behind a firewall, and then speak to it as if
it were its own. The browser still says the name it was told, in `Host`.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from glowback_trio.server.http.errors import HttpError

__all__ = ["check_host"]

_HOST = re.compile(r"(?P<name>\[[^\[\]@/]+\]|[^\[\]@/:]+)(:\d*)?")


def check_host(host: str, allowed: Collection[str]) -> None:
    """Refuse a request that means another server.

    Args:
        host: The `Host` header, with a port or without; empty when there is none.
        allowed: Names and addresses without ports; none: all are right.

    Raises:
        HttpError: 400.
    """
    match = _HOST.fullmatch(host.lower())
    if allowed and (match is None or match["name"] not in map(str.lower, allowed)):
        raise HttpError(400, "This server does not serve that Host")
