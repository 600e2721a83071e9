"""The peer that we are compared with: the same three routes, minimal, on FastAPI and uvicorn.

    python benchmarks/peer.py [--plain]

It has one run that never ends, and a queue per follower. It prints the same line as
`glowback-trio serve`. With `--plain` it runs as `pip install uvicorn` leaves it: on Python's event
loop, with h11 and wsproto, the parsers that we use. Without, it has the extras written in C.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
from typing import TypeAlias

import uvicorn
from fastapi import BackgroundTasks, FastAPI, HTTPException, WebSocket

Status: TypeAlias = dict[str, str | float | list[str] | None]

RUN = "00000000-0000-4000-8000-000000000000"
STATUS: Status = {
    "run_id": RUN,
    "state": "completed",
    "progress": 1.0,
    "created_at": "2024-01-01T00:00:00.000000Z",
    "started_at": "2024-01-01T00:00:00.000000Z",
    "finished_at": "2024-01-01T00:00:00.000000Z",
    "error": None,
    "strategy": "buy_and_hold",
    "symbols": ["AAPL"],
    "event_count": 356,
    "paused": False,
}
QUEUED = {
    "event_id": 1,
    "run_id": RUN,
    "type": "state",
    "timestamp": "2024-01-01T00:00:00.000000Z",
    "payload": {"state": "queued", "message": "Run queued"},
}

followers: set[asyncio.Queue[str]] = set()
events: list[str] = []


async def healthz() -> dict[str, str]:
    """Answer that the server is alive."""
    return {"status": "healthy", "version": "1"}


async def status(run_id: str) -> Status:
    """Return the status of a run."""
    if run_id != RUN:
        raise HTTPException(404, "Run not found")
    return STATUS


async def stream(websocket: WebSocket, run_id: str) -> None:
    """Send a run's events until the client leaves."""
    if run_id != RUN:
        raise HTTPException(404, "Run not found")
    await websocket.accept()
    queue: asyncio.Queue[str] = asyncio.Queue()
    queue.put_nowait(json.dumps(QUEUED))
    followers.add(queue)
    sending = asyncio.create_task(_send(websocket, queue))
    try:
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        sending.cancel()
        followers.discard(queue)


async def _send(websocket: WebSocket, queue: asyncio.Queue[str]) -> None:
    while True:
        await websocket.send_text(await queue.get())


async def keep(given: list[str]) -> dict[str, int]:
    """Take the events that `publish` will send."""
    events[:] = given
    return {"events": len(events)}


async def publish(tasks: BackgroundTasks) -> dict[str, int]:
    """Start to publish the kept events."""
    tasks.add_task(_publish)
    return {"followers": len(followers)}


async def _publish() -> None:
    """Put every event into every follower's queue, one after the other as a run would."""
    for event in events:
        for queue in followers:
            queue.put_nowait(event)
        await asyncio.sleep(0)


def make_app() -> FastAPI:
    """Put the routes on an app."""
    app = FastAPI()
    app.add_api_route("/healthz", healthz)
    app.add_api_route("/backtests/{run_id}", status)
    app.add_api_route("/events", keep, methods=["POST"])
    app.add_api_route("/publish", publish, methods=["POST"])
    app.add_api_websocket_route("/backtests/{run_id}/stream", stream)
    return app


def main(*, plain: bool) -> None:
    """Serve on a free port, without an access log."""
    config = uvicorn.Config(
        make_app(),
        port=0,
        loop="asyncio" if plain else "uvloop",
        http="h11" if plain else "httptools",
        ws="wsproto" if plain else "auto",
        access_log=False,
        log_level="warning",
        # Ours negotiates none either, and it costs a peer most of its memory.
        ws_per_message_deflate=False,
    )
    with listening() as listener:
        print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(config).run(sockets=[listener])


def listening() -> socket.socket:
    """Return a socket that listens on a free port."""
    # With its protocol named, as asyncio opens them itself: where it is not, asyncio leaves Nagle's
    # algorithm on, and every answer of two writes would wait for the client's delayed ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    return listener


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plain", action="store_true", help="without the extras written in C")
    main(plain=parser.parse_args().plain)
