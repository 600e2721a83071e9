"""Many WebSocket clients on one thread, cheap enough that the server is what is measured."""

from __future__ import annotations

import datetime as dt
import re
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator

import orjson
from attrs import define, field

__all__ = ["Watcher", "connect", "connect_many", "delays", "frames", "watch"]

_HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_CLOSED_NORMALLY = b"\x88\x02\x03\xe8"
# JSON has no such byte, and the sizes of frames of events do not begin with it.
_PING = re.compile(rb"\x89(?:\x01.|\x02..)", re.DOTALL)
_PONG = b"\x8a%c\0\0\0\0%b"
_RECEIVE = 1 << 18
_GLANCE_EVERY, _AT_A_GLANCE = 100, 10


@define(eq=False)
class Watcher:
    """One client.

    Attributes:
        socket: Its connection.
        size: Bytes received after the handshake.
        pinged: How many of them were pings, of which some get more than others.
        tail: The last of them.
        kept: All of them, if it keeps them.
        arrivals: When bytes came, and how many there were then, if it keeps them.
    """

    socket: socket.socket
    keeps: bool = False
    size: int = 0
    pinged: int = 0
    tail: bytes = b""
    kept: list[bytes] = field(factory=list)
    arrivals: list[tuple[float, int]] = field(factory=list)

    def take(self, data: bytes) -> None:
        """Count what has arrived, and answer pings, without which the server disconnects."""
        for ping in _PING.findall(data):
            self.pinged += len(ping)
            self.socket.send(_PONG % (0x80 | ping[1], ping[2:]))
        self.size += len(data)
        self.tail = (self.tail + data)[-len(_CLOSED_NORMALLY) :]
        if self.keeps:
            self.kept.append(data)
            self.arrivals.append((time.time(), self.size))

    @property
    def closed(self) -> bool:
        """True if the server has sent its close frame after the last event."""
        return self.tail == _CLOSED_NORMALLY


def connect(port: int, path: str, *, keeps: bool = False, buffer: int | None = None) -> Watcher:
    """Open one WebSocket; what arrives with the response is counted.

    Args:
        port: Of the server.
        path: Of the stream.
        keeps: Whether the client keeps what it receives.
        buffer: Bytes the kernel holds for it; None: as many as kernels do.
    """
    client = socket.socket()
    if buffer is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.settimeout(60)
    client.connect(("127.0.0.1", port))
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


def connect_many(port: int, path: str, count: int) -> list[Watcher]:
    """Open many; the first keeps what it receives, and those that wait answer pings."""
    watchers = []
    with selectors.DefaultSelector() as selector:
        for number in range(count):
            watchers.append(watcher := connect(port, path, keeps=number == 0))
            selector.register(watcher.socket, selectors.EVENT_READ, watcher)
            for key, _ in selector.select(0) if number % _GLANCE_EVERY == 0 else ():
                _receive(selector, key, None)
    return watchers


def watch(
    watchers: list[Watcher],
    size: int | None = None,
    patience_s: float = 120.0,
    glance_s: float = 0.0,
) -> float:
    """Receive until each has a close frame, or so many bytes; return when that was.

    Args:
        watchers: The clients. Their sockets are closed at the end.
        size: How many bytes are enough.
        patience_s: Seconds after which it is an error that somebody is not there yet.
        glance_s: Those who keep nothing are looked at every so many seconds only, so that reading
            for them does not delay those whose arrivals are measured.
    """
    eager, lazy = selectors.DefaultSelector(), selectors.DefaultSelector()
    for watcher in watchers:
        group = lazy if glance_s and not watcher.keeps else eager
        group.register(watcher.socket, selectors.EVENT_READ, watcher)
    glance_at, deadline = 0.0, time.perf_counter() + patience_s
    waiting: deque[selectors.SelectorKey] = deque()
    while left := len(eager.get_map()) + len(lazy.get_map()):
        now = time.perf_counter()
        if now > deadline:
            raise RuntimeError(f"{left} watchers did not reach the end")
        if now >= glance_at and not waiting:
            waiting.extend(key for key, _ in lazy.select(0))
            glance_at = now + glance_s
        for _ in range(min(_AT_A_GLANCE, len(waiting))):
            _receive(lazy, waiting.popleft(), size)
        for key, _ in eager.select(0 if waiting else glance_s or 1.0):
            _receive(eager, key, size)
    ended = time.perf_counter()
    for watcher in watchers:
        watcher.socket.close()
    return ended


def _receive(
    selector: selectors.BaseSelector, key: selectors.SelectorKey, size: int | None
) -> None:
    """Read what has arrived at one watcher, and drop the watcher when it has all."""
    watcher = key.data
    data = watcher.socket.recv(_RECEIVE)
    watcher.take(data)
    enough = size is not None and watcher.size - watcher.pinged >= size
    if not data or watcher.closed or enough:
        selector.unregister(watcher.socket)


def delays(watcher: Watcher, since: float = 0.0) -> list[float]:
    """Return arrival minus timestamp, in seconds, of every metric that was emitted after a time."""
    ends = [
        (end, dt.datetime.fromisoformat(orjson.loads(payload)["timestamp"]).timestamp())
        for end, payload in frames(b"".join(watcher.kept))
        if b'"type":"metric"' in payload
    ]
    delays, at = [], 0
    for end, emitted in ends:
        while watcher.arrivals[at][1] < end:
            at += 1
        if emitted >= since:
            delays.append(watcher.arrivals[at][0] - emitted)
    return delays


def frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the complete text frames of a server's stream: where each ends, and its payload."""
    at = 0
    while at + 4 <= len(data):
        kind, size = data[at], data[at + 1]
        at += 2
        if size == 126:
            size, at = int.from_bytes(data[at : at + 2], "big"), at + 2
        elif size == 127:
            size, at = int.from_bytes(data[at : at + 8], "big"), at + 8
        if kind == 0x81 and at + size <= len(data):
            yield at + size, data[at : at + size]
        at += size
