"""A client that does one thing to a server until it is killed.

    python benchmarks/neighbour.py KIND PORT TARGET COUNT

Kinds: `fetch` gets a path again and again, on so many connections; `unknown` posts requests whose
symbols do not exist; `watch` follows a stream so many times. Prints a line when it has begun.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading

from watchers import connect_many, watch

UNKNOWN = {
    "symbols": [f"SYMBOL-WITH-A-LONG-NAMF-{number:06}" for number in range(5)],
    "start_date": "2016-01-01",
    "end_date": "2020-12-31",
}


def fetch(port: int, path: str) -> None:
    """Get a path again and again, and drop what comes."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", path)
        answer = connection.getresponse()
        while answer.read(1 << 18):
            pass
        connection.close()


def post_unknown(port: int, path: str) -> None:
    """Post a request that is refused again and again."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body, headers = json.dumps(UNKNOWN), {"Content-Type": "application/json"}
    while True:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 422:
            raise RuntimeError(f"unknown symbols were answered {answer.status}")


def main(kind: str, port: int, target: str, count: int) -> None:
    """Begin, say so, and go on."""
    if kind == "watch":
        watchers = connect_many(port, target, count)
        print("begun", flush=True)
        watch(watchers, patience_s=3600)
        return
    work = {"fetch": fetch, "unknown": post_unknown}[kind]
    threads = [threading.Thread(target=work, args=(port, target)) for _ in range(count)]
    for thread in threads:
        thread.start()
    print("begun", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
