"""Access control: the keys, tickets, trusted proxies, hosts and rates of one app."""

from __future__ import annotations

from attrs import field, frozen

from glowback_trio.server.security.hosts import ServedHosts
from glowback_trio.server.security.peer_identity import PeerIdentity
from glowback_trio.server.security.proxies import Proxies
from glowback_trio.server.security.rate_limit import Buckets
from glowback_trio.server.security.tickets import TicketBox, Tickets

__all__ = ["AccessControl"]

# Wrong keys and tickets that one address may present within the window.
_WRONG_KEYS, _WRONG_KEY_WINDOW_S = 30, 60.0


@frozen(eq=False)
class AccessControl:
    """The access rules of one app, and what it remembers to apply them.

    Attributes:
        api_keys: Keys that let a client in; empty where none is needed.
        proxies: Proxies whose forwarded headers count.
        hosts: The hosts that are served.
        peers: The identity of the cluster's gateways.
        request_rates: Requests that each caller has left.
        wrong_keys: Wrong keys and tickets that each address has left.
        tickets: Stream tickets that can still be used.
    """

    api_keys: tuple[str, ...] = field(repr=False)
    proxies: Proxies
    hosts: ServedHosts
    request_rates: Buckets
    peers: PeerIdentity = PeerIdentity.of(None)
    wrong_keys: Buckets = field(factory=lambda: Buckets(_WRONG_KEYS, _WRONG_KEY_WINDOW_S))
    tickets: TicketBox = field(factory=Tickets)
