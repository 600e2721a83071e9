"""Time `GET /healthz` from a process of its own, which no other client's work delays.

Run as a program, `python health_probe.py PORT`: probes until its input ends, then prints the
milliseconds as JSON. While no server is there it waits; a probe that is cut off does not count.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["percentile", "probed"]

_EVERY_S = 0.02


@contextmanager
def probed(port: int) -> Iterator[list[float]]:
    """Probe for the length of a block; afterwards the list has the milliseconds."""
    times: list[float] = []
    with subprocess.Popen(
        [sys.executable, __file__, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield times
        finally:
            output, _ = process.communicate(b"")
            times += json.loads(output)


def percentile(times: list[float], share: float = 0.99) -> float:
    """Return the value below which a share of the times lies."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def _wait_for_the_end(over: threading.Event) -> None:
    sys.stdin.read()
    over.set()


def main(port: int) -> None:
    """Probe until the input ends."""
    over = threading.Event()
    threading.Thread(target=_wait_for_the_end, args=(over,), daemon=True).start()
    times: list[float] = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while not over.wait(_EVERY_S):
        began = time.perf_counter()
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            connection.close()
            continue
        times.append((time.perf_counter() - began) * 1e3)
    connection.close()
    print(json.dumps(times))  # noqa: T201 - what the program is for


if __name__ == "__main__":
    main(int(sys.argv[1]))
