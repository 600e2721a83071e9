"""The identity of peers: how the gateways of one cluster know each other's requests.

A peer is known by a token that only who knows the cluster's secret can make; a client's key never
makes anyone a peer. What a peer forwards carries the client's own key in `X-API-Key`, which is
checked as if the client had come by itself, and its address.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Self

from attrs import field, frozen

from glowback_trio.server.http.request import RequestHeaders

__all__ = ["CLIENT", "CLIENT_SCHEME", "SCHEME", "PeerIdentity", "authorization", "presented_token"]

#: The scheme of the `Authorization` header by which a peer shows who it is.
SCHEME = "Glowback-Peer"
#: The headers, between peers only, with the address of the client and the scheme that it used.
CLIENT, CLIENT_SCHEME = "X-Glowback-Client", "X-Glowback-Scheme"

_PURPOSE = b"glowback-trio: requests between gateways, 1"


@frozen
class PeerIdentity:
    """What peers of a gateway show.

    Attributes:
        token: Their token; None: there are no peers, and nobody is taken for one.
    """

    token: str | None = field(repr=False)

    @classmethod
    def of(cls, secret: str | None) -> Self:
        """Return the identity by the cluster's secret; None: there are no peers."""
        return cls(None if secret is None else _token(secret))

    def knows(self, token: str) -> bool:
        """Return whether a token is that of the peers, in a time that reveals nothing of it."""
        return self.token is not None and hmac.compare_digest(self.token.encode(), token.encode())


def authorization(secret: str) -> str:
    """Return the `Authorization` header by which a gateway shows that it knows the secret."""
    return f"{SCHEME} {_token(secret)}"


def presented_token(headers: RequestHeaders) -> str | None:
    """Return the token that a request presents; None for a request that claims no peer."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == SCHEME.lower() else None


def _token(secret: str) -> str:
    # Not the secret itself, so that what is seen on the way serves for nothing but this.
    return hmac.new(secret.encode(), _PURPOSE, hashlib.sha256).hexdigest()
