"""Peers: what the gateways of a cluster say to each other.

Belongs here: following a log at the gateway that computes it, forwarding requests, addresses.
Never here: who holds what (`actors.cluster`), what a request means (`server`).
May be imported by: `cli` and `testing`.
"""

from glowback_trio.peers.addresses import advertised_address, check_advertised
from glowback_trio.peers.http_peers import HttpPeers, open_peers

__all__ = ["HttpPeers", "advertised_address", "check_advertised", "open_peers"]
