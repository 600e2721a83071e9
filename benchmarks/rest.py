"""Measure requests per second of ours and of a minimal FastAPI on uvicorn, in the same run.

    python benchmarks/rest.py [--rounds N] [--seconds S] [--connections N]

The target is set by uvicorn with its extras, an event loop and a parser written in C. Plain
uvicorn, with a parser and an event loop in Python, is listed beside it.

Client and server have a core each. Rounds alternate between the servers, so that other load on the
machine hits all of them; the median is printed, and the ratio of the medians. Processor time is
printed because it stays true on a machine with other load.
"""

from __future__ import annotations

import argparse
import re
import selectors
import socket
import statistics
import time
from collections import defaultdict

from attrs import define, frozen
from ratios import note
from servers import OURS, PEER, PEERS_RUN, PLAIN_PEER, Server, opened, prepare

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
STUCK_S = 10.0
TARGET = "target beside uvicorn[standard]: at least 1, aim for 1.5"


@define(eq=False)
class Client:
    """One keep-alive connection with one request under way."""

    socket: socket.socket
    request: bytes
    received: bytes = b""

    def ask(self) -> None:
        """Send the request."""
        self.socket.sendall(self.request)

    def hear(self) -> bool:
        """Read what has arrived; return whether the response is complete.

        Raises:
            RuntimeError: It is another answer than 200.
        """
        data = self.socket.recv(65536)
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found and data:
            return False
        length = LENGTH.search(head)
        if length is None or not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"Expected a 200 with its length, not {self.received[:200]!r}")
        if len(body) < int(length[1]):
            return False
        self.received = b""
        return True


@frozen
class Rate:
    """The work of one server in one round.

    Attributes:
        per_s: Requests it answered in a second.
        cpu_us: Processor time it took for each, in microseconds.
    """

    per_s: float
    cpu_us: float


def measure(server: Server, path: str, connections: int, seconds: float) -> Rate:
    """Send requests to a server as fast as it answers."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
    clients = [
        Client(socket.create_connection(("127.0.0.1", server.port)), request)
        for _ in range(connections)
    ]
    try:
        used, began = server.cpu_s, time.perf_counter()
        answers = exchange(clients, began + seconds)
        took = time.perf_counter() - began
        return Rate(answers / took, (server.cpu_s - used) / answers * 1e6)
    finally:
        for client in clients:
            client.socket.close()


def exchange(clients: list[Client], end: float) -> int:
    """Keep one request under way on every connection until the end, and count the answers."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.ask()
        answers = 0
        while time.perf_counter() < end:
            ready = selector.select(STUCK_S)
            if not ready:
                raise RuntimeError(f"The server gave no answer for {STUCK_S:g} s")
            for key, _events in ready:
                client = key.data
                if client.hear():
                    answers += 1
                    client.ask()
    return answers


def paths(ours: Server) -> dict[str, tuple[str, str]]:
    """Return the requests to send to ours and to its peers, by their names in the figures."""
    run = ours.start_run()
    while ours.ask("GET", f"/backtests/{run}")["state"] != "completed":
        time.sleep(0.05)
    return {
        "GET /healthz": ("/healthz", "/healthz"),
        "GET /backtests/{id}": (f"/backtests/{run}", f"/backtests/{PEERS_RUN}"),
    }


def main(rounds: int, seconds: float, connections: int) -> None:
    """Measure all servers in alternating rounds."""
    prepare()
    with (
        opened("ours", OURS) as ours,
        opened("uvicorn", PLAIN_PEER) as plain,
        opened("uvicorn[standard]", PEER) as peer,
    ):
        for title, (our_path, peers_path) in paths(ours).items():
            rates: dict[str, list[Rate]] = defaultdict(list)
            for turn in range(rounds + 1):
                for server in (ours, plain, peer):
                    path = our_path if server is ours else peers_path
                    measured = measure(server, path, connections, seconds)
                    if turn > 0:  # the first round warms caches up
                        rates[server.name].append(measured)
            report(title, rates)


def report(title: str, rates: dict[str, list[Rate]]) -> None:
    """Print the figures of one route, ours first."""
    print(f"{title}   ({TARGET})")
    ours = statistics.median(each.per_s for each in rates["ours"])
    for name, measured in rates.items():
        values = [each.per_s for each in measured]
        middle = statistics.median(values)
        cpu_us = statistics.median(each.cpu_us for each in measured)
        spread = f"({min(values):,.0f} to {max(values):,.0f})"
        beside = "" if name == "ours" else f"   ours is {ours / middle:.2f} of it"
        print(f"  {name:17} {middle:8,.0f} /s {cpu_us:8,.0f} us CPU each   {spread}{beside}")
    ours_cpu, peers_cpu = (
        statistics.median(each.cpu_us for each in rates[name])
        for name in ("ours", "uvicorn[standard]")
    )
    route = "healthz" if "healthz" in title else "status"
    note(
        f"rest.{route}.uvicorn_standard",
        ours / statistics.median(each.per_s for each in rates["uvicorn[standard]"]),
    )
    note(f"rest.{route}.uvicorn_standard_cpu", peers_cpu / ours_cpu)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    main(options.rounds, options.seconds, options.connections)
