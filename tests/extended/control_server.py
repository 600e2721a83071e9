"""Serve one Quart application on the server of this package or on Hypercorn's.

    python control_server.py ours|compressing|stock

`compressing` is this package's server with compression switched on, as Hypercorn's always is. The
program prints its port, serves until SIGTERM, and then has a second to end.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import hypercorn.trio
import trio
from hypercorn.config import Config
from quart import websocket
from quart_trio import QuartTrio

from glowback_trio.serving import Limits, serve

GRACE_S = 1.0
PING_S = 0.5
MIB = 1 << 20


def make_app() -> QuartTrio:
    """Make an application with handlers as users write them."""
    app = QuartTrio("control")
    watching = 0

    @app.get("/")
    async def index() -> str:
        return "ok"

    @app.get("/watching")
    async def count() -> str:
        return str(watching)

    @app.get("/large")
    async def large() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(MIB)

    @app.websocket("/watch")
    async def watch() -> None:
        nonlocal watching
        watching += 1
        try:
            await websocket.accept()
            await trio.sleep_forever()
        finally:
            watching -= 1

    @app.websocket("/tight")
    async def tight() -> None:
        while True:
            await websocket.send("x" * 1000)

    return app


async def serve_stock(
    stop: trio.Event, *, task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve on Hypercorn's own server."""
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.graceful_timeout = GRACE_S
    config.errorlog = None
    config.websocket_ping_interval = PING_S
    config.websocket_max_message_size = MIB
    await hypercorn.trio.serve(
        make_app(),
        config,
        shutdown_trigger=stop.wait,
        task_status=task_status,
    )


async def serve_ours(
    stop: trio.Event,
    *,
    compression: bool = False,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve on the server of this package."""
    limits = Limits(
        grace=GRACE_S,
        ping_interval=PING_S,
        pong_timeout=PING_S,
        websocket_message_bytes=MIB,
        compression=compression,
    )
    app = make_app()
    await serve(app, bind="127.0.0.1:0", limits=limits, stop=stop, task_status=task_status)


SERVERS: dict[str, Callable[..., Awaitable[None]]] = {
    "ours": serve_ours,
    "compressing": partial(serve_ours, compression=True),
    "stock": serve_stock,
}


async def main(kind: str) -> None:
    """Serve until SIGTERM."""
    stop = trio.Event()
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            urls = await nursery.start(partial(SERVERS[kind], stop))
            sys.stdout.write(f"{urls[0].rpartition(':')[2]}\n")
            sys.stdout.flush()
            async for _ in signals:
                stop.set()
                break


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
