"""Sockets of a virtual network, which trio's streams and listeners take for real ones."""

from __future__ import annotations

import errno
import os
import socket
from itertools import count
from typing import Any, Protocol, Self

import trio

from glowback_trio.testing.sim.loop.points import fault_point
from glowback_trio.testing.sim.net.connections import Address, Connection, End
from glowback_trio.testing.sim.net.hosts import (
    WILDCARDS,
    Host,
    Listening,
    family_of,
    socket_address,
)

__all__ = ["Dialer", "VirtualSocket"]

# No system gives descriptors as high, so a call that hands one to the kernel fails with EBADF.
_DESCRIPTORS = count(1 << 30)


class Dialer(Protocol):
    """The network that sockets are on."""

    async def dial(self, host: Host, source: Address | None, target: Address) -> End:
        """Connect, and return the client's end."""


class VirtualSocket(trio.socket.SocketType):
    """A TCP socket of a virtual host.

    Made by a `VirtualNet`, through `trio.socket.socket`.
    """

    def __init__(self, net: Dialer, host: Host, family: int, end: End | None = None) -> None:
        super().__init__()
        self._net = net
        self._host = host
        self._family = socket.AddressFamily(family)
        self._end = end
        self._bound: Address | None = None
        self._listening: Listening | None = None
        self._options: dict[tuple[int, int], Any] = {}
        self._descriptor = next(_DESCRIPTORS)
        self._has_ended_sending = False
        self._is_receiving = False

    def __repr__(self) -> str:
        what = repr(self._end.connection) if self._end else f"bound to {self._bound}"
        return f"<VirtualSocket on {self._host.name!r}: {what}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def family(self) -> socket.AddressFamily:
        """AF_INET or AF_INET6."""
        return self._family

    @property
    def type(self) -> socket.SocketKind:
        """SOCK_STREAM."""
        return socket.SOCK_STREAM

    @property
    def proto(self) -> int:
        """TCP."""
        return socket.IPPROTO_TCP

    @property
    def did_shutdown_SHUT_WR(self) -> bool:  # noqa: N802 - trio's name
        """True if this side has ended its sending."""
        return self._has_ended_sending

    @property
    def connection(self) -> Connection:
        """The connection of this socket, for a test to reset, stall or cut it."""
        return self._connected().connection

    def fileno(self) -> int:
        """Return a number that is no descriptor of this process; -1 once closed."""
        return self._descriptor

    def getsockname(self) -> Any:
        """Return the address of this side."""
        self._check_open()
        anywhere = (WILDCARDS[self._family == socket.AF_INET6], 0)
        return socket_address(self._end.address if self._end else self._bound or anywhere)

    def getpeername(self) -> Any:
        """Return the address of the other side."""
        return socket_address(self._connected().peer)

    def getsockopt(self, level: int, optname: int, buflen: int | None = None) -> Any:
        """Return an option as it was set; 0 for one that was not."""
        if (level, optname) == (socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return int(self._listening is not None)
        empty = bytes(buflen) if buflen else 0
        return self._options.get((level, optname), empty)

    def setsockopt(self, level: int, optname: int, value: Any, optlen: int | None = None) -> None:
        """Keep an option; it has no effect."""
        self._options[level, optname] = value if optlen is None else optlen

    def get_inheritable(self) -> bool:
        """Return False: no process inherits it."""
        return False

    def set_inheritable(self, inheritable: bool) -> None:  # noqa: FBT001 - the sockets' signature
        """Do nothing: no process inherits it."""

    async def bind(self, address: Any) -> None:
        """Take an address of the host, and a free port for port 0."""
        await trio.lowlevel.checkpoint()
        self._check_open()
        name, port = str(address[0]) or WILDCARDS[0], int(address[1])
        bound = (name, port or self._host.new_port())
        if bound in self._host.bound:
            raise _error(errno.EADDRINUSE)
        self._host.bound.add(bound)
        self._bound = bound

    def listen(self, backlog: int = 128) -> None:
        """Let clients connect to the bound address."""
        self._check_open()
        if self._bound is None:
            raise _error(errno.EDESTADDRREQ)
        self._listening = self._host.listening[self._bound] = Listening(backlog)

    async def accept(self) -> tuple[trio.socket.SocketType, Any]:
        """Return the next connection, once there is one."""
        await trio.lowlevel.checkpoint()
        self._check_open()
        if self._listening is None:
            raise _error(errno.EINVAL)
        while (end := self._listening.take()) is None:
            if self._listening.is_closed:
                raise trio.ClosedResourceError("the listener was closed")
            await self._listening.changed.park()
        accepted = VirtualSocket(self._net, self._host, family_of(end.address[0]), end)
        return accepted, socket_address(end.peer)

    async def connect(self, address: Any) -> None:
        """Connect to an address, numeric as trio's sockets want it."""
        await trio.lowlevel.checkpoint()
        self._check_open()
        if self._end is not None:
            raise _error(errno.EISCONN)
        _fail("connect a socket", ConnectionRefusedError)
        target = (str(address[0]), int(address[1]))
        self._end = await self._net.dial(self._host, self._bound, target)

    async def recv(self, buflen: int, flags: int = 0, /) -> bytes:
        """Return bytes that have arrived, once there are any; none at the end."""
        _check_flags(flags)
        await trio.lowlevel.checkpoint()
        end = self._connected()
        self._maybe_break("receive from a socket")
        if self._is_receiving:
            raise trio.BusyResourceError("another task is receiving from this socket")
        self._is_receiving = True
        try:
            data = await end.incoming.receive(buflen)
        finally:
            self._is_receiving = False
        self._check_open()
        return data

    async def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0, /) -> int:
        """Receive into a buffer, and return how many bytes that were."""
        view = memoryview(buffer).cast("B")
        data = await self.recv(nbytes or len(view), flags)
        view[: len(data)] = data
        return len(data)

    async def send(self, data: Any, flags: int = 0, /) -> int:
        """Send what there is room for, once there is room for a byte."""
        _check_flags(flags)
        await trio.lowlevel.checkpoint()
        end = self._connected()
        self._maybe_break("send into a socket")
        with memoryview(data) as view:
            try:
                return await end.send(view.cast("B"))
            except OSError:
                self._check_open()  # what was met because of a close is not said of the peer
                raise

    def send_nowait(self, data: bytes) -> int:
        """Send what there is room for, and return how much that was, maybe 0."""
        with memoryview(data) as view:
            return self._connected().put(view)

    async def wait_writable(self) -> None:
        """Wait until a send would not wait."""
        await trio.lowlevel.checkpoint()
        end = self._connected()
        await end.outgoing.wait_writable()
        self._check_open()

    def is_readable(self) -> bool:
        """Return whether a receive would not wait."""
        return self._connected().incoming.is_readable

    def shutdown(self, flag: int) -> None:
        """End the sending, the receiving or both."""
        end = self._connected()
        if flag in {socket.SHUT_WR, socket.SHUT_RDWR}:
            end.outgoing.end()
            self._has_ended_sending = True
        if flag in {socket.SHUT_RD, socket.SHUT_RDWR}:
            end.incoming.abandon()

    def close(self) -> None:
        """Close the socket; whoever waits for it meets a `ClosedResourceError`."""
        if self._descriptor == -1:
            return
        self._descriptor = -1
        if self._end is not None:
            self._end.close()
        if self._listening is not None and self._bound is not None:
            del self._host.listening[self._bound]
            self._listening.close()
        if self._bound is not None:
            self._host.bound.discard(self._bound)

    def _maybe_break(self, name: str) -> None:
        try:
            _fail(name, ConnectionResetError)
        except ConnectionResetError:
            self._connected().connection.reset()  # the other side meets it, too
            raise

    def _check_open(self) -> None:
        if self._descriptor == -1:
            raise _error(errno.EBADF)

    def _connected(self) -> End:
        self._check_open()
        if self._end is None:
            raise _error(errno.ENOTCONN)
        return self._end


def _fail(name: str, error: type[OSError]) -> None:
    """Fail as sockets do where the search lets this operation fail."""
    try:
        fault_point(name, "broken")
    except trio.BrokenResourceError as injected:
        number = errno.ECONNREFUSED if error is ConnectionRefusedError else errno.ECONNRESET
        raise error(number, os.strerror(number)) from injected


def _check_flags(flags: int) -> None:
    if flags:
        raise OSError(errno.EOPNOTSUPP, f"a virtual socket knows no flags, but was given {flags}")


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
