"""ASGI applications for the tests of the server, each as small as its question allows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio
from attrs import define, field

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


async def answer(send: Send, body: bytes = b"ok", status: int = 200) -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def read_body(receive: Receive) -> bytes:
    body = b""
    while True:
        event = await receive()
        part: bytes = event.get("body", b"")
        body += part
        if not event.get("more_body"):
            return body


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond to every request at once."""
    await answer(send)


async def mirror(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond with the request's body."""
    await answer(send, await read_body(receive))


async def sleep(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond after ten seconds."""
    await trio.sleep(10)
    await answer(send)


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    """Send without end, and never look whether the client is there."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})


async def boom(scope: Scope, receive: Receive, send: Send) -> None:
    """Raise two errors at once."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail_with, KeyError("one"))
        nursery.start_soon(fail_with, ValueError("two"))


async def fail_with(error: Exception) -> None:
    raise error


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Send every message back."""
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"], "bytes": event["bytes"]})


async def flood(scope: Scope, receive: Receive, send: Send) -> None:
    """Send to a WebSocket without end, and never look whether the client is there."""
    await send({"type": "websocket.accept"})
    while True:
        await send({"type": "websocket.send", "text": "x" * 1000, "bytes": None})


async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept a WebSocket and never receive."""
    await send({"type": "websocket.accept"})
    await trio.sleep_forever()


async def goodbye(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept a WebSocket and close it."""
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 4000, "reason": "done"})


async def undecided(scope: Scope, receive: Receive, send: Send) -> None:
    """Never answer a handshake, but end when the client leaves."""
    while (await receive())["type"] != "websocket.disconnect":
        pass


HANDLERS: dict[str, Handler] = {
    "/": hello,
    "/mirror": mirror,
    "/sleep": sleep,
    "/endless": endless,
    "/boom": boom,
    "/echo": echo,
    "/flood": flood,
    "/deaf": deaf,
    "/goodbye": goodbye,
    "/undecided": undecided,
}


@define(eq=False)
class App:
    """Routes requests to the handlers above, and counts those that are running."""

    handlers: dict[str, Handler] = field(factory=lambda: dict(HANDLERS))
    lifespan: list[str] = field(factory=list)
    running: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        self.running += 1
        try:
            await self.handlers[scope["path"]](scope, receive, send)
        finally:
            self.running -= 1

    async def _live(self, receive: Receive, send: Send) -> None:
        for _ in range(2):
            stage = (await receive())["type"].removeprefix("lifespan.")
            self.lifespan.append(stage)
            await send({"type": f"lifespan.{stage}.complete"})
