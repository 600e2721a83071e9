"""The address at which a gateway is reached by its peers."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.server.security.hosts import is_loopback

__all__ = ["advertised_address", "check_advertised"]

_ANYWHERE = {"0.0.0.0", "::", ""}  # noqa: S104 - compared with, not bound to


def check_advertised(given: str | None, host: str, *, has_secret: bool, has_keys: bool) -> None:
    """Check that the peers of a gateway can reach it, and that it can know them.

    Args:
        given: The address that the operator names; None: none.
        host: Where the gateway is to listen: a host, or `unix:/path`.
        has_secret: True if the operator has set a secret.
        has_keys: True if clients need keys.

    Raises:
        InvalidRequestError: It cannot be reached, or everybody could pass for a peer.
    """
    if given is None and (host.startswith("unix:") or host in _ANYWHERE):
        message = (
            f"Listening on {host}, a gateway does not know where its peers reach it: name its "
            "URL, such as --advertise http://10.0.0.5:8000"
        )
        raise InvalidRequestError([Problem("missing", ("--advertise",), message)])
    reached = host if given is None else urlsplit(given).hostname or ""
    if not has_secret and (has_keys or not is_loopback(reached)):
        message = (
            "The gateways of a cluster need a secret to know each other: set the same for all of "
            "them, such as what `openssl rand -hex 32` prints"
        )
        raise InvalidRequestError([Problem("missing", ("GLOWBACK_PEER_SECRET",), message)])


def advertised_address(given: str | None, urls: Sequence[str]) -> str | None:
    """Return the address that a gateway tells its peers.

    Args:
        given: The address that the operator names; None: none.
        urls: Where it listens.
    """
    if given is not None:
        return given.rstrip("/")
    return next((url for url in urls if not url.startswith("unix:")), None)
