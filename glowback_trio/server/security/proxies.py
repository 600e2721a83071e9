"""Whose address counts: the client's own, as far as the proxies in between are trusted to say it.

Anybody can write `X-Forwarded-For`. Each proxy adds on the right the address it was called from,
so the chain is read from the right, and only as long as trusted proxies vouch for it.
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
    """The proxies whose word is taken. None are by default.

    Attributes:
        networks: Their addresses.
        unix: Whether whoever calls over a Unix socket is one.
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
        """Return the address of the client: the first, from the right, that is no trusted proxy.

        Where the chain cannot be read, the last trusted proxy stands for its clients; where all of
        it is trusted, its left end does.

        Args:
            peer: The address at the other end of the connection; None: it has none.
            forwarded_for: The values of all `X-Forwarded-For` headers, in their order.
        """
        if peer is not None and ":" not in peer and not self.networks:
            return peer  # what nearly every request comes to, without reading an address
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

    def scheme(self, peer: str | None, forwarded_proto: Iterable[str], own: str) -> str:
        """Return the scheme the client used, `http` or `https`.

        Args:
            peer: The address at the other end of the connection; None: it has none.
            forwarded_proto: The values of all `X-Forwarded-Proto` headers. The last item is the
                nearest proxy's own word.
            own: The scheme of the connection, which counts unless a trusted proxy says another.
        """
        said = _split(forwarded_proto) if self._trusts_peer(peer) else []
        last = said[-1].lower() if said else own
        return last if last in ("http", "https") else own

    def _trusts_peer(self, peer: str | None) -> bool:
        if peer is None:
            return self.unix
        if not self.networks:
            return False  # without reading an address, as above
        address = _address(peer)
        return address is not None and self._trusts(address)

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self.networks)


def _split(lines: Iterable[str]) -> list[str]:
    """Split comma lists; empty items are allowed there and mean nothing (RFC 9110, 5.6.1)."""
    items = (item.strip() for line in lines for item in line.split(","))
    return [item for item in items if item]


def _address(hop: str) -> _Address | None:
    """Read an address, with a port or without; None for words such as `unknown`."""
    match = _HOP.fullmatch(hop)
    if match is None:
        return None
    try:
        # A zone is the sender's word for one of its own interfaces and means nothing here.
        address = ipaddress.ip_address((match[match.lastgroup or 0]).partition("%")[0])
    except ValueError:
        return None
    # A socket for both families shows an IPv4 peer as ::ffff:192.0.2.1.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
