"""Many WebSocket clients on one thread, cheap enough to leave the measuring to the server."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator

from attrs import define, field

__all__ = ["Watcher", "connect", "frames", "watch"]

_HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_CLOSED_NORMALLY = b"\x88\x02\x03\xe8"
_RECEIVE = 1 << 18


@define(eq=False)
class Watcher:
    """One client.

    Attributes:
        socket: Its connection.
        size: Bytes received after the handshake.
        tail: The last of them.
        kept: All of them, if it keeps them.
        arrivals: When bytes came, and how many there were then, if it keeps them.
    """

    socket: socket.socket
    keeps: bool = False
    size: int = 0
    tail: bytes = b""
    kept: list[bytes] = field(factory=list)
    arrivals: list[tuple[float, int]] = field(factory=list)

    def take(self, data: bytes) -> None:
        """Count what has come."""
        self.size += len(data)
        self.tail = (self.tail + data)[-len(_CLOSED_NORMALLY) :]
        if self.keeps:
            self.kept.append(data)
            self.arrivals.append((time.time(), self.size))

    @property
    def closed(self) -> bool:
        """Whether the server has said goodbye after the last event."""
        return self.tail == _CLOSED_NORMALLY


def connect(port: int, path: str, *, keeps: bool = False) -> Watcher:
    """Open one WebSocket; whatever comes with the answer counts already."""
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.sendall(_HANDSHAKE.format(path=path).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += client.recv(4096)
    head, _, rest = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101"):
        raise RuntimeError(f"the handshake was refused: {head[:200]!r}")
    client.settimeout(0)
    watcher = Watcher(client, keeps=keeps)
    watcher.take(rest)
    return watcher


def watch(watchers: list[Watcher], size: int | None = None, patience_s: float = 120.0) -> float:
    """Receive until everybody has been told goodbye, or has so many bytes; returns when."""
    selector = selectors.DefaultSelector()
    for watcher in watchers:
        selector.register(watcher.socket, selectors.EVENT_READ, watcher)
    deadline = time.perf_counter() + patience_s
    while selector.get_map():
        if time.perf_counter() > deadline:
            raise RuntimeError(f"{len(selector.get_map())} watchers did not reach the end")
        for key, _ in selector.select(1.0):
            watcher = key.data
            data = watcher.socket.recv(_RECEIVE)
            watcher.take(data)
            if not data or watcher.closed or (size is not None and watcher.size >= size):
                selector.unregister(watcher.socket)
    ended = time.perf_counter()
    for watcher in watchers:
        watcher.socket.close()
    return ended


def frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Text frames of a server's stream: where each ends, and its payload."""
    at = 0
    while at < len(data):
        kind, size = data[at], data[at + 1]
        at += 2
        if size == 126:
            size, at = int.from_bytes(data[at : at + 2], "big"), at + 2
        elif size == 127:
            size, at = int.from_bytes(data[at : at + 8], "big"), at + 8
        if kind == 0x81:
            yield at + size, data[at : at + size]
        at += size
