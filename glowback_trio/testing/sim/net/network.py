"""A network in virtual time: hosts, names, paths between hosts, partitions."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count

import trio

from glowback_trio.testing.sim.net.connections import Address, Connection, End
from glowback_trio.testing.sim.net.hosts import Host, Listening, is_loopback
from glowback_trio.testing.sim.net.names import Names
from glowback_trio.testing.sim.net.pipe import INSTANT, Path
from glowback_trio.testing.sim.net.sockets import VirtualSocket

__all__ = ["VirtualNet"]

#: The host of tasks that were put on no other.
HOME = "home"
#: Seconds after which Linux gives up connecting to a host that does not answer.
CONNECT_TIMEOUT_S = 127.0

_here: ContextVar[str] = ContextVar("virtual host", default=HOME)

KIB = 1024


class VirtualNet(trio.abc.SocketFactory):
    """A network for the sockets of one `trio.run`.

    Inside `installed()`, trio's sockets and look-ups are on this network: `trio.open_tcp_stream`,
    `trio.serve_tcp`, TLS streams and everything that stands on them need no change. Without
    latency nothing takes any time. Bytes, ports and wake-ups come in the same order every time.

    Args:
        latency_s: Seconds from one host to another; none within a host.
        bandwidth: Bytes in a second from one host to another.
        capacity: Bytes that a direction of a connection holds until they are read.
        on_connect: Called with each new `Connection`, before a byte is sent.
    """

    def __init__(
        self,
        *,
        latency_s: float = 0.0,
        bandwidth: float = float("inf"),
        capacity: int = 64 * KIB,
        on_connect: Callable[[Connection], object] | None = None,
    ) -> None:
        self._default = Path(latency_s, bandwidth)
        self._capacity = capacity
        self._on_connect = on_connect
        self._hosts: dict[str, Host] = {}
        self._numbers = count(1)
        self._paths: dict[tuple[str, str], Path] = {}
        self._parted: dict[frozenset[str], None] = {}
        self._healed = trio.lowlevel.ParkingLot()
        self._connections: dict[Connection, None] = {}
        self._names = Names(self._hosts)
        self.add_host(HOME)

    @contextmanager
    def installed(self) -> Iterator[VirtualNet]:
        """Put the sockets and look-ups of this `trio.run` on the network for a block."""
        factory = trio.socket.set_custom_socket_factory(self)
        resolver = trio.socket.set_custom_hostname_resolver(self._names)
        try:
            yield self
        finally:
            trio.socket.set_custom_socket_factory(factory)
            trio.socket.set_custom_hostname_resolver(resolver)

    def add_host(self, name: str, *addresses: str) -> None:
        """Add a host.

        Args:
            name: The name under which others find it.
            addresses: Its addresses of either family; one is made up if none is given.
        """
        if name in self._hosts:
            raise ValueError(f"there is a host {name!r} already; give this one another name")
        self._hosts[name] = Host(name, addresses or (f"10.0.0.{next(self._numbers)}",))

    def add_name(self, name: str, *addresses: str) -> None:
        """Let a name stand for addresses, of one host or of several."""
        self._names.aliases[name] = addresses

    @contextmanager
    def at(self, name: str) -> Iterator[None]:
        """Run a block, and the tasks started in it, on a host, which is added if it is new."""
        self._host(name)
        token = _here.set(name)
        try:
            yield
        finally:
            _here.reset(token)

    def set_path(
        self, one: str, other: str, *, latency_s: float = 0.0, bandwidth: float = float("inf")
    ) -> None:
        """Set how bytes of new connections travel between two hosts, in both directions."""
        pair = self._host(one).name, self._host(other).name
        self._paths[pair] = self._paths[pair[::-1]] = Path(latency_s, bandwidth)

    def partition(self, one: str, other: str) -> None:
        """Let nothing pass between two hosts until `heal`; connections stay open."""
        pair = frozenset((self._host(one).name, self._host(other).name))
        if pair not in self._parted:
            self._parted[pair] = None
            for each in self._between(pair):
                each.hold()

    def heal(self) -> None:
        """End all partitions: what waited sets out again."""
        parted, self._parted = self._parted, {}
        for pair in parted:
            for each in self._between(pair):
                each.release()
        self._healed.unpark_all()

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The connections that are open on one side at least, oldest first."""
        return tuple(self._connections)

    def socket(
        self,
        family: int = socket.AF_INET,
        type: int = socket.SOCK_STREAM,  # noqa: A002 - trio's name
        proto: int = 0,
    ) -> VirtualSocket:
        """Return a new socket on the host of this task; called by `trio.socket.socket`."""
        if family not in {socket.AF_INET, socket.AF_INET6} or type != socket.SOCK_STREAM:
            raise OSError(
                errno.EAFNOSUPPORT, f"a virtual network has TCP only, not {family!r}, {type!r}"
            )
        return VirtualSocket(self, self._host(_here.get()), family)

    async def dial(self, host: Host, source: Address | None, target: Address) -> End:
        """Connect from a host to an address, and return the client's end."""
        there = self._owner(host, target[0])
        path = self._path(host, there)
        pair, round_trip_s = frozenset((host.name, there.name)), 2 * path.latency_s
        deadline = trio.current_time() + CONNECT_TIMEOUT_S
        with trio.move_on_at(deadline):
            while pair in self._parted:
                await self._healed.park()
        if pair not in self._parted:
            # In no scope: a task that is slow to wake when the answer has come is connected.
            if round_trip_s:
                await trio.sleep(min(round_trip_s, CONNECT_TIMEOUT_S))
            with trio.move_on_at(max(deadline, trio.current_time())):
                if round_trip_s <= CONNECT_TIMEOUT_S:
                    listening = await self._listening(there, target)
                    return self._join(host, source, target, listening)
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    def connect_nowait(self, target: Address, *, capacity: int | None = None) -> trio.SocketStream:
        """Return a stream that is connected at once, whatever the latency.

        Args:
            target: A numeric address, or the name of a host, and a port.
            capacity: Bytes that a direction holds; as in the network if not given.

        Raises:
            ConnectionRefusedError: Nobody listens there.
        """
        host = self._host(_here.get())
        name, port = target
        address = (self._hosts[name].addresses[0], port) if name in self._hosts else target
        there = self._owner(host, address[0])
        listening = there.listener_at(*address)
        if listening is None or listening.is_full:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        end = self._join(host, None, address, listening, capacity)
        return trio.SocketStream(VirtualSocket(self, host, socket.AF_INET, end))

    async def _listening(self, host: Host, target: Address) -> Listening:
        while True:
            listening = host.listener_at(*target)
            if listening is None:
                raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            if not listening.is_full:
                return listening
            await listening.changed.park()

    def _join(
        self,
        host: Host,
        source: Address | None,
        target: Address,
        listening: Listening,
        capacity: int | None = None,
    ) -> End:
        there = self._owner(host, target[0])
        connection = Connection(
            hosts=(host.name, there.name),
            client=source or (host.source_for(target[0]), host.new_port()),
            server=target,
            paths=(self._path(host, there), self._path(there, host)),
            capacity=capacity or self._capacity,
            on_closed=self._connections.pop,
        )
        if frozenset(connection.hosts) in self._parted:
            connection.hold()
        self._connections[connection] = None
        if self._on_connect is not None:
            self._on_connect(connection)
        listening.add(End(connection, "server"))
        return End(connection, "client")

    def _host(self, name: str) -> Host:
        if name not in self._hosts:
            self.add_host(name)
        return self._hosts[name]

    def _owner(self, host: Host, address: str) -> Host:
        """Return whose address this is, as seen from a host."""
        if is_loopback(address) or address in {"0.0.0.0", "::"}:  # noqa: S104 - compared with
            return host
        for each in self._hosts.values():
            if address in each.addresses:
                return each
        raise OSError(errno.EHOSTUNREACH, f"no host of the virtual network has address {address}")

    def _path(self, one: Host, other: Host) -> Path:
        if one is other:
            return INSTANT
        return self._paths.get((one.name, other.name), self._default)

    def _between(self, pair: frozenset[str]) -> Iterator[Connection]:
        return (each for each in self.connections if frozenset(each.hosts) == pair)
