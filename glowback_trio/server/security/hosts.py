"""The hosts that a server serves: a defence against DNS rebinding.

A page can point its own DNS name at a server behind a firewall, or at the visitor's own machine,
which then counts as the page's own origin. The browser still sends the page's name in `Host`. So a
server serves the hosts that its operator lists; and where nothing is set, neither hosts nor keys,
one that only its own machine can reach serves the names of that machine only.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any, Self

import trio
from attrs import frozen

from glowback_trio.server.http.errors import HttpError

__all__ = ["ServedHosts", "is_loopback"]

_HOST = re.compile(r"(?P<name>\[[^\[\]@/]+\]|[^\[\]@/:]+)(:\d*)?")
# `host:port`, `[v6 address]:port` or `unix:/path`; serving checks the form.
_BIND = re.compile(r"(?!unix:)\[?(?P<host>[^\[\]]*?)\]?:\d*")
_NOT_SERVED = (
    "This server does not serve that Host; its operator can list it in GLOWBACK_ALLOWED_HOSTS"
)


@frozen
class ServedHosts:
    """The hosts of one server.

    Attributes:
        listed: Names and addresses without ports, in lower case.
        loopback: True if only the names of the machine itself are served, where none are listed.
    """

    listed: frozenset[str] = frozenset()
    loopback: bool = False

    @classmethod
    def of(
        cls,
        listed: Iterable[str],
        api_keys: Sequence[str],
        bind: str | Sequence[str] = (),
        listeners: Sequence[trio.abc.Listener[Any]] | None = None,
    ) -> Self:
        """Return the hosts of a server with these settings, listening there.

        Args:
            listed: The hosts that the operator lists.
            api_keys: With keys, a page gets nowhere, whatever its name is.
            bind: Where the server listens, unless there are listeners.
            listeners: Open listeners; those without an internet address decide nothing.
        """
        names = frozenset(name.lower() for name in listed)
        hosts = list(_bound(bind) if listeners is None else _addresses(listeners))
        local = bool(hosts) and all(map(is_loopback, hosts))
        return cls(names, loopback=local and not names and not api_keys)

    def check(self, host: str, *, internet: bool = True) -> None:
        """Refuse a request for a host that is not served.

        Args:
            host: The `Host` header, with or without a port; empty if the request has none.
            internet: False for a connection without addresses, such as of a Unix socket, which no
                browser opens.

        Raises:
            HttpError: 400.
        """
        match = _HOST.fullmatch(host.lower())
        name = "" if match is None else match["name"]
        if self.listed:
            served = name in self.listed
        else:
            # Every browser names a host.
            served = not (self.loopback and internet and host) or is_loopback(name)
        if not served:
            raise HttpError(400, _NOT_SERVED)


# Almost all requests to a server name the same host.
@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Return True if a name or address stands for the machine itself, for certain.

    Args:
        host: Without a port; an IPv6 address with or without brackets.
    """
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        # Any other name may belong to a public address. These never do (RFC 6761, section 6.3).
        return f".{host.lower().removesuffix('.')}".endswith(".localhost")
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _bound(bind: str | Sequence[str]) -> Iterable[str]:
    """Yield the host of each bind that has one."""
    for each in [bind] if isinstance(bind, str) else bind:
        if (match := _BIND.fullmatch(each)) is not None:
            yield match["host"]


def _addresses(listeners: Iterable[trio.abc.Listener[Any]]) -> Iterable[str]:
    for each in listeners:
        name = each.socket.getsockname() if isinstance(each, trio.SocketListener) else None
        if isinstance(name, tuple):
            yield name[0]
