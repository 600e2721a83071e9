"""The client's address behind proxies, read from the headers of those that are trusted.

Any client can send `X-Forwarded-For`. Each proxy appends the address it was called from, so the
chain is read from the right, and only for as long as its entries are trusted proxies.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias

from attrs import frozen

from glowback_trio.errors import InvalidRequestError, Problem

__all__ = ["UNIX", "Proxies"]

#: Stands for the peers of Unix sockets, which have no address.
UNIX = "unix"

_Address: TypeAlias = IPv4Address | IPv6Address
_Network: TypeAlias = IPv4Network | IPv6Network

# Some proxies add the port: 192.0.2.1:443, [2001:db8::1]:443.
_HOP = re.compile(r"\[(?P<six>[^\[\]]*)\](?::\d{1,5})?|(?P<four>[^:]*):\d{1,5}|(?P<bare>.*)")


@frozen
class Proxies:
    """The trusted proxies; none by default.

    Attributes:
        networks: Their addresses.
        unix: True if a caller over a Unix socket is one.
    """

    networks: tuple[_Network, ...] = ()
    unix: bool = False

    @classmethod
    def read(cls, listed: Iterable[str]) -> Proxies:
        """Read the items of `GLOWBACK_TRUSTED_PROXIES`.

        Args:
            listed: Addresses, networks such as `10.0.0.0/8`, and `unix`.

        Raises:
            InvalidRequestError: With every item that is none of these.
        """
        networks: list[_Network] = []
        problems: list[Problem] = []
        unix = False
        for place, item in enumerate(listed):
            if item == UNIX:
                unix = True
                continue
            try:
                networks.append(ipaddress.ip_network(item))
            except ValueError as error:
                message = f"Input should be an address, a network or {UNIX!r}: {error}"
                problems.append(Problem("value_error", ("trusted_proxies", place), message, item))
        if problems:
            raise InvalidRequestError(problems)
        return cls(tuple(networks), unix)

    def client_address(self, peer: str | None, forwarded_for: Iterable[str]) -> str:
        """Return the address of the client: the first from the right that is no trusted proxy.

        Where the chain cannot be read, the last trusted proxy stands for all of its clients; where
        every entry is trusted, the leftmost one is the client.

        Args:
            peer: The address at the other end of the connection; None for a Unix socket.
            forwarded_for: The values of all `X-Forwarded-For` headers, in their order.
        """
        if peer is not None and ":" not in peer and not self.networks:
            return peer  # the usual case; skips the slow parsing of an address
        known = UNIX if peer is None else str(_address(peer) or peer)
        if not self._trusts_peer(peer):
            return known
        for hop in reversed(_split(forwarded_for)):
            address = _address(hop)
            if address is None:
                return known
            known = str(address)
            if not self._trusts(address):
                return known
        return known

    def scheme(self, peer: str | None, forwarded_proto: Iterable[str], direct: str) -> str:
        """Return the scheme the client used, `http` or `https`.

        Args:
            peer: The address at the other end of the connection; None for a Unix socket.
            forwarded_proto: The values of all `X-Forwarded-Proto` headers; the last item is from
                the nearest proxy.
            direct: The scheme of the connection, used unless a trusted proxy states another.
        """
        forwarded = _split(forwarded_proto) if self._trusts_peer(peer) else []
        last = forwarded[-1].lower() if forwarded else direct
        return last if last in ("http", "https") else direct

    def _trusts_peer(self, peer: str | None) -> bool:
        if peer is None:
            return self.unix
        if not self.networks:
            return False  # skips the parsing, as above
        address = _address(peer)
        return address is not None and self._trusts(address)

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self.networks)


def _split(lines: Iterable[str]) -> list[str]:
    """Split comma lists; empty items are allowed there and mean nothing (RFC 9110, 5.6.1)."""
    items = (item.strip() for line in lines for item in line.split(","))
    return [item for item in items if item]


def _address(hop: str) -> _Address | None:
    """Read an address with or without a port; None for words such as `unknown`."""
    match = _HOP.fullmatch(hop)
    if match is None:
        return None
    try:
        # A zone names an interface of the sender and means nothing here.
        address = ipaddress.ip_address((match[match.lastgroup or 0]).partition("%")[0])
    except ValueError:
        return None
    # A dual-stack socket reports an IPv4 peer as ::ffff:192.0.2.1.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
