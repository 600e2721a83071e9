"""Put programs on a network that a test owns: hosts, TCP, latency, partitions, resets.

Belongs here: what stands behind trio's socket seam in a test; trio and the standard library only.
Never here: protocols above TCP, and anything that knows gateways or servers.
May be imported by: `testing`, and tests of any trio program.
"""

from __future__ import annotations

from glowback_trio.testing.sim.net.connections import Connection
from glowback_trio.testing.sim.net.network import VirtualNet
from glowback_trio.testing.sim.net.sockets import VirtualSocket

__all__ = ["Connection", "VirtualNet", "VirtualSocket"]
