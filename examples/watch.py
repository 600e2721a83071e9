"""Watch a run over WebSocket and resume after every cut: python watch.py ws://HOST:PORT RUN_ID."""

from __future__ import annotations

import json
import sys

import trio
from trio_websocket import ConnectionClosed, HandshakeError, open_websocket_url

# The run has ended; there is no such run; the cursor is ahead of its log.
FINAL = (1000, 1008, 4400)


async def watch(server: str, run_id: str) -> None:
    """Print every event once, in order, over as many connections as it takes."""
    last = 0
    while True:
        try:
            url = f"{server}/backtests/{run_id}/stream?last_event_id={last}"
            async with open_websocket_url(url) as socket:
                while True:
                    event = json.loads(await socket.get_message())
                    last = event["event_id"]
                    print(last, event["type"], event["payload"])
        except ConnectionClosed as closed:
            if closed.reason is not None and closed.reason.code in FINAL:
                return
        except HandshakeError as error:
            print(f"no stream: {error!r}", file=sys.stderr)
        await trio.sleep(1)


if __name__ == "__main__":
    trio.run(watch, sys.argv[1], sys.argv[2])
