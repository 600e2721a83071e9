"""A TCP connection between two virtual hosts, and what a test does to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from glowback_trio.testing.sim.net.pipe import Path, Pipe

__all__ = ["Address", "Connection", "End"]

Address = tuple[str, int]
Side = Literal["client", "server"]


class End:
    """One side of a connection."""

    def __init__(
        self,
        connection: Connection,
        side: Side,
    ) -> None:
        self.connection = connection
        self.side: Side = side
        self.incoming, self.outgoing = connection.pipes(side)

    @property
    def address(self) -> Address:
        """The address of this side."""
        return getattr(self.connection, self.side)  # type: ignore[no-any-return] # two names only

    @property
    def peer(self) -> Address:
        """The address of the other side."""
        server, client = self.connection.server, self.connection.client
        return server if self.side == "client" else client

    def put(self, view: memoryview) -> int:
        """Send what there is room for, up to the byte at which the connection is reset."""
        limit = self.connection.room(self.side)
        count = self.outgoing.put(view[:limit] if limit is not None else view)
        self.connection.after_bytes(self.side)
        return count

    async def send(self, view: memoryview) -> int:
        """Send what there is room for, once there is room for a byte."""
        await self.outgoing.wait_writable()
        while not (count := self.put(view)):
            await self.outgoing.wait_writable()
        return count

    def close(self) -> None:
        """Close as a kernel does: with a reset if bytes were left unread."""
        if self.incoming.is_unread:
            self.outgoing.end_with_reset()
        else:
            self.outgoing.end()
        self.incoming.abandon()
        self.connection.closed(self.side)


class Connection:
    """A TCP connection.

    Attributes:
        hosts: The names of the client's and of the server's host.
        client: Address and port of the side that connected.
        server: Address and port of the side that accepted.
    """

    def __init__(
        self,
        *,
        hosts: tuple[str, str],
        client: Address,
        server: Address,
        paths: tuple[Path, Path],
        capacity: int,
        on_closed: Callable[[Connection], object],
    ) -> None:
        self.hosts = hosts
        self.client = client
        self.server = server
        self._to = {"server": Pipe(paths[0], capacity), "client": Pipe(paths[1], capacity)}
        self._reset_at: dict[str, int] = {}
        self._closed: set[str] = set()
        self._on_closed = on_closed
        self._is_stalled = False

    def __repr__(self) -> str:
        (client, port), (server, server_port) = self.client, self.server
        return f"<Connection {client}:{port} -> {server}:{server_port}>"

    def sent_to(self, side: Side) -> int:
        """Return how many bytes have been sent to a side."""
        return self._to[side].sent

    def reset(self) -> None:
        """Reset the connection: bytes on their way are lost, both sides meet an error."""
        for pipe in self._to.values():
            pipe.reset()

    def reset_at(self, byte: int, to: Side) -> None:
        """Reset the connection when `byte` bytes have been sent to a side.

        These bytes arrive there, and then the reset; in the other direction nothing arrives.

        Args:
            byte: Count of bytes from the beginning of the connection, at least what was sent.
            to: The side that receives them, "client" or "server".
        """
        sent = self._to[to].sent
        if byte < sent:
            raise ValueError(
                f"byte {byte} has been sent to the {to} already: {sent} bytes have; "
                "call reset_at before, for example in on_connect"
            )
        self._reset_at[to] = byte
        self.after_bytes(_other(to))

    def stall(self) -> None:
        """Let nothing arrive in either direction until `resume`."""
        if not self._is_stalled:
            self._is_stalled = True
            self.hold()

    def resume(self) -> None:
        """End a `stall`."""
        if self._is_stalled:
            self._is_stalled = False
            self.release()

    def hold(self) -> None:
        """Hold both directions, as a partition does."""
        for pipe in self._to.values():
            pipe.hold()

    def release(self) -> None:
        """End one `hold`."""
        for pipe in self._to.values():
            pipe.release()

    def pipes(self, side: Side) -> tuple[Pipe, Pipe]:
        """Return what a side reads from and what it writes to."""
        return self._to[side], self._to[_other(side)]

    def room(self, side: Side) -> int | None:
        """Return how many bytes a side may still send before the reset; None without one."""
        to = _other(side)
        return max(self._reset_at[to] - self._to[to].sent, 0) if to in self._reset_at else None

    def after_bytes(self, side: Side) -> None:
        """Reset the connection if a side has sent the last byte before the reset."""
        if self.room(side) == 0:
            to = _other(side)
            del self._reset_at[to]
            self._to[to].end_with_reset()
            self._to[side].reset()

    def closed(self, side: Side) -> None:
        """Note that a side has closed its end."""
        self._closed.add(side)
        if len(self._closed) == len(self._to):
            self._on_closed(self)


def _other(side: Side) -> Side:
    return "server" if side == "client" else "client"
