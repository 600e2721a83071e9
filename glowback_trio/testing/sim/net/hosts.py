"""Hosts of a virtual network: addresses, names and ports."""

from __future__ import annotations

import ipaddress
import socket
from collections import deque
from itertools import count

import trio

from glowback_trio.testing.sim.net.connections import Address, End

__all__ = ["Host", "Listening", "family_of", "is_loopback", "socket_address"]

WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - it is compared with, and nothing real is bound


class Listening:
    """A listener's connections that wait to be accepted, at most `backlog` of them."""

    def __init__(self, backlog: int) -> None:
        self.backlog = max(backlog, 1)
        self.is_closed = False
        self.changed = trio.lowlevel.ParkingLot()
        self._waiting: deque[End] = deque()

    @property
    def is_full(self) -> bool:
        """True if a new connection must wait."""
        return len(self._waiting) >= self.backlog

    def add(self, end: End) -> None:
        """Let a connection wait to be accepted."""
        self._waiting.append(end)
        self.changed.unpark_all()

    def take(self) -> End | None:
        """Return the connection that has waited longest."""
        end = self._waiting.popleft() if self._waiting else None
        if end is not None:
            self.changed.unpark_all()
        return end

    def close(self) -> None:
        """Reset what waits, as a kernel does."""
        self.is_closed = True
        while self._waiting:
            self._waiting.popleft().connection.reset()
        self.changed.unpark_all()


class Host:
    """A machine with a name.

    Attributes:
        name: Its name.
        addresses: Its addresses, besides the loopback ones.
        listening: Its listeners by bound address.
    """

    def __init__(self, name: str, addresses: tuple[str, ...]) -> None:
        self.name = name
        self.addresses = addresses
        self.bound: set[Address] = set()
        self.listening: dict[Address, Listening] = {}
        self._ports = count(49_152)

    def new_port(self) -> int:
        """Return a port that nobody has bound."""
        taken = {port for _, port in self.bound}
        return next(port for port in self._ports if port not in taken)

    def listener_at(self, address: str, port: int) -> Listening | None:
        """Return who listens on an address of this host, or on all of them."""
        wildcard = WILDCARDS[family_of(address) == socket.AF_INET6]
        return self.listening.get((address, port)) or self.listening.get((wildcard, port))

    def source_for(self, address: str) -> str:
        """Return the address of this host from which it reaches another address."""
        if is_loopback(address):
            return address
        family = family_of(address)
        return next((own for own in self.addresses if family_of(own) == family), self.addresses[0])


def family_of(address: str) -> socket.AddressFamily:
    """Return the family of a numeric address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def is_loopback(address: str) -> bool:
    """Return whether an address means the machine itself."""
    return ipaddress.ip_address(address).is_loopback


def socket_address(address: Address) -> tuple[str, int] | tuple[str, int, int, int]:
    """Return an address in the form that sockets give it."""
    host, port = address
    return (host, port, 0, 0) if ":" in host else (host, port)
