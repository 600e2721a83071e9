"""Watch a run across lost connections: python watch.py http://HOST:PORT RUN_ID."""

from __future__ import annotations

import sys

import trio

from glowback_trio.client import open_client


async def watch(server: str, run_id: str) -> None:
    """Print every event of a run once and in order, over as many connections as it takes."""
    async with open_client(server) as client, client.stream(run_id) as events:
        async for event in events:
            print(event.event_id, event.type, event.payload)


if __name__ == "__main__":
    trio.run(watch, sys.argv[1], sys.argv[2])
