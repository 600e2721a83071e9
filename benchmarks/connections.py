"""Measure what an idle WebSocket costs, how fast many connect, and how fast 2,000 are closed.

    python benchmarks/connections.py [--full] [--rounds N]

Every client follows a run that has said its first words and is silent since. It counts as connected
when the first event is there. `--full` holds 5,000 idle ones instead of 2,000. The peer is measured
twice: as plain uvicorn, and with its extras written in C, which sets the target.
"""

from __future__ import annotations

import argparse
import gc
import selectors
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median

from attrs import define, field, frozen
from ratios import note
from servers import EXIT_S, OURS, PEER, PEERS_RUN, PLAIN_PEER, Server, opened, prepare

AT_ONCE = 64
STUCK_S = 10.0
SETTLE_S = 1.0
# A server's worker processes begin on its core, and load the compiled kernel there.
READY_S = 3.0
# They find what is made once and kept, and stay: what they took is not there to be used again.
WARM_UP = 20

_CLOSE, _PING, _PONG = 0x88, 0x89, 0x8A
_HANDSHAKE = (
    b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@define(eq=False)
class Client:
    """One WebSocket that reads and answers pings and closes, and keeps nothing.

    Attributes:
        socket: Connecting, or connected.
        request: The handshake.
        events: Messages that came.
        code: The code the server closed with; None so far.
    """

    socket: socket.socket
    request: bytes
    events: int = 0
    code: int | None = None
    _received: bytes = b""
    _upgraded: bool = False

    def shake(self) -> None:
        """Send the handshake on the new connection."""
        self.socket.sendall(self.request)

    def hear(self) -> bool:
        """Read what has arrived; return False when the connection is over."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self._received += data
        if not self._upgraded:
            self._upgrade()
        for opcode, payload in self._frames():
            self._take(opcode, payload)
        return bool(data)

    def _upgrade(self) -> None:
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if found:
            if not head.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(f"Expected a WebSocket, not {self._received[:200]!r}")
            self._upgraded, self._received = True, rest

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        while self._upgraded and len(self._received) >= 2:
            begin, size = 2, self._received[1]
            if size == 126:
                begin, size = 4, int.from_bytes(self._received[2:4], "big")
            if len(self._received) < begin + size:
                return
            yield self._received[0], self._received[begin : begin + size]
            self._received = self._received[begin + size :]

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == _CLOSE:
            self.code = int.from_bytes(payload[:2], "big")
            self._answer(_CLOSE, payload[:2])
        elif opcode == _PING:
            self._answer(_PONG, payload)
        else:
            self.events += 1

    def _answer(self, opcode: int, payload: bytes) -> None:
        # A mask of zeros is a mask.
        self.socket.sendall(bytes([opcode, 0x80 | len(payload)]) + bytes(4) + payload)


@define(eq=False)
class Crowd:
    """Many clients of one stream.

    Attributes:
        port: The server's.
        path: The stream's.
        connecting: Clients without an event yet.
        connected: Clients that follow.
        codes: What those who were let go were told, and how many of them.
    """

    port: int
    path: str
    connecting: set[Client] = field(factory=set)
    connected: set[Client] = field(factory=set)
    codes: Counter[int | None] = field(factory=Counter)
    _selector: selectors.BaseSelector = field(factory=selectors.DefaultSelector)

    def connect(self, count: int) -> float:
        """Connect more clients, some at once, and return how many were connected a second."""
        began = time.perf_counter()
        goal = len(self.connected) + count
        while len(self.connected) < goal:
            missing = goal - len(self.connected) - len(self.connecting)
            for _ in range(min(missing, AT_ONCE - len(self.connecting))):
                self._call()
            self._turn(STUCK_S)
        return count / (time.perf_counter() - began)

    def rest(self, seconds: float) -> None:
        """Answer pings for a while."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self._turn(left, patient=True)

    def wait_let_go(self) -> None:
        """Follow until the server has ended every connection."""
        while self.connected:
            self._turn(STUCK_S)

    def close(self) -> None:
        """Disconnect without a close frame."""
        for client in self.connecting | self.connected:
            client.socket.close()
        self._selector.close()

    def _call(self) -> None:
        peer = socket.socket()
        peer.settimeout(0)
        peer.connect_ex(("127.0.0.1", self.port))
        client = Client(peer, _HANDSHAKE % (self.path.encode(), self.port))
        self._selector.register(peer, selectors.EVENT_WRITE, client)
        self.connecting.add(client)

    def _turn(self, seconds: float, *, patient: bool = False) -> None:
        ready = self._selector.select(seconds)
        if not (ready or patient):
            raise RuntimeError(f"The server did nothing for {seconds:g} s")
        for key, events in ready:
            client = key.data
            if events & selectors.EVENT_WRITE:
                client.shake()
                self._selector.modify(client.socket, selectors.EVENT_READ, client)
            elif not client.hear():
                self._let_go(client)
            elif client.events and client in self.connecting:
                self.connecting.remove(client)
                self.connected.add(client)

    def _let_go(self, client: Client) -> None:
        if client in self.connecting:
            raise RuntimeError("The server ended a connection before its first event")
        self.connected.remove(client)
        self.codes[client.code] += 1
        self._selector.unregister(client.socket)
        client.socket.close()


@contextmanager
def crowd_of(server: Server, run: str) -> Iterator[Crowd]:
    """Make a crowd that disconnects at the end of a block."""
    crowd = Crowd(server.port, f"/backtests/{run}/stream")
    try:
        yield crowd
    finally:
        crowd.close()


@frozen
class Filled:
    """The cost of a crowd of followers to a server.

    Attributes:
        connects_per_s: Connections made, each to its first event.
        cpu_us: Processor time of the server for each.
        kib: Resident memory of the server for each, when it is idle.
    """

    connects_per_s: float
    cpu_us: float
    kib: float


@frozen
class LetGo:
    """The time a server took to end all its streams and itself.

    Attributes:
        seconds: From SIGTERM to the end of the process.
        cpu_s: Its processor time, to the end of the last stream.
        cut: Streams that were not closed 1000.
    """

    seconds: float
    cpu_s: float
    cut: int


def measure_ours(count: int) -> tuple[Filled, LetGo]:
    """Measure a fresh server of ours."""
    with opened("ours", OURS) as server:
        # At this pace no second bar is told before the benchmark has ended.
        run = server.start_run(pace_bars_per_s=0.001)
        with crowd_of(server, run) as crowd:
            return fill(server, crowd, count), let_go(server, crowd)


def measure_peer(command: Sequence[str], count: int) -> Filled:
    """Measure a fresh peer."""
    with opened("uvicorn", command) as server, crowd_of(server, PEERS_RUN) as crowd:
        return fill(server, crowd, count)


def fill(server: Server, crowd: Crowd, count: int) -> Filled:
    """Connect a crowd to a server and measure its cost."""
    crowd.connect(WARM_UP)
    crowd.rest(READY_S)
    memory_kib, cpu_s = server.memory_kib, server.cpu_s
    connects_per_s = crowd.connect(count)
    cpu_us = (server.cpu_s - cpu_s) / count * 1e6
    crowd.rest(SETTLE_S)
    return Filled(connects_per_s, cpu_us, (server.memory_kib - memory_kib) / count)


def let_go(server: Server, crowd: Crowd) -> LetGo:
    """End a server and watch its streams end."""
    began, cpu_s = time.perf_counter(), server.cpu_s
    server.process.send_signal(signal.SIGTERM)
    crowd.wait_let_go()
    cpu_s = server.cpu_s - cpu_s  # a process that has ended still tells, until it is waited for
    server.process.wait(EXIT_S)
    seconds = time.perf_counter() - began
    return LetGo(seconds, cpu_s, crowd.codes.total() - crowd.codes[1000])


def main(count: int, rounds: int) -> None:
    """Measure fresh servers in alternating rounds and print the medians."""
    prepare()
    # The clients have no cycles, and a collection that visits thousands of them would be measured.
    gc.disable()
    ours, plain, peer = [], [], []
    for _ in range(rounds):
        ours.append(measure_ours(count))
        plain.append(measure_peer(PLAIN_PEER, count))
        peer.append(measure_peer(PEER, count))
    rate = report("ours", [filled for filled, _gone in ours])
    plain_rate = report("uvicorn", plain)
    peer_rate = report("uvicorn[standard]", peer)
    beside = f"{rate / plain_rate:.2f} of uvicorn, {rate / peer_rate:.2f} of uvicorn[standard]"
    print(f"  connects of ours: {beside}   (target: at least 1.5 of uvicorn[standard])")
    note("connections.connects.uvicorn_standard", rate / peer_rate)
    print(f"  idle ones were {count:,}   (target: at most 30 KiB each at 5,000)")
    seconds = median(gone.seconds for _filled, gone in ours)
    cpu_s = median(gone.cpu_s for _filled, gone in ours)
    cut = max(gone.cut for _filled, gone in ours)
    print(f"ours let go of {count + WARM_UP:,} in {seconds:.2f} s, {cpu_s:.2f} s CPU, {cut} cut")
    print("  (target: at most 2 s for 2,000, none cut)")


def report(name: str, rounds: Sequence[Filled]) -> float:
    """Print the figures of one server and return its connects per second."""
    rate = median(each.connects_per_s for each in rounds)
    cpu_us = median(each.cpu_us for each in rounds)
    kib = median(each.kib for each in rounds)
    print(f"{name:17} {rate:7,.0f} connects/s {cpu_us:8,.0f} us CPU each {kib:7.1f} KiB idle")
    return rate


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="5,000 connections instead of 2,000")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    main(5000 if options.full else 2000, options.rounds)
