"""Name resolution of a virtual network."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from typing import Any

import trio

from glowback_trio.testing.sim.net.hosts import Host, family_of, socket_address

__all__ = ["Names"]


class Names(trio.abc.HostnameResolver):
    """Finds hosts by name.

    Attributes:
        aliases: Further names, with the addresses that they stand for.
    """

    def __init__(self, hosts: Mapping[str, Host]) -> None:
        self.aliases: dict[str, tuple[str, ...]] = {"localhost": ("127.0.0.1",)}
        self._hosts = hosts

    async def getaddrinfo(  # noqa: PLR0917 - trio's signature
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002 - trio's name
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """Return the addresses of a name, in the order in which they were given."""
        await trio.lowlevel.checkpoint()
        name = (host or b"localhost").decode()
        found = [
            (
                family_of(address),
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                socket_address((address, int(port or 0))),
            )
            for address in self._addresses(name)
            if family in {0, family_of(address)}
        ]
        if not found or type not in {0, socket.SOCK_STREAM}:
            raise socket.gaierror(socket.EAI_NONAME, f"the virtual network has no host {name!r}")
        return found

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        """Return the name of the host that has an address, or the address."""
        await trio.lowlevel.checkpoint()
        address, port = sockaddr[0], sockaddr[1]
        owners = [each.name for each in self._hosts.values() if address in each.addresses]
        return (owners[0] if owners else address), str(port)

    def _addresses(self, name: str) -> tuple[str, ...]:
        if name in self._hosts:
            return self._hosts[name].addresses
        if name in self.aliases:
            return self.aliases[name]
        return (name,) if _is_numeric(name) else ()


def _is_numeric(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
