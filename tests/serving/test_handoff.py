"""WebSockets that the application has handed over to the hub.

Rule: from the handoff on only the hub sends messages. However the WebSocket ends, nothing follows
its close frame, and `done` is called once.
"""

from __future__ import annotations

import pytest
import trio
from attrs import define, field
from support.asgi_apps import App, Receive, Scope, Send
from support.list_feed import ListFeed
from support.rough_client import CLOSE, GONE, TEXT, RoughClient, close_frame
from support.virtual_server import serving
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio.serving import HANDOFF


@define(eq=False)
class FollowingApp:
    """An application that hands every WebSocket over, then tries to send a message."""

    feed: ListFeed = field(factory=ListFeed)
    done: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        scope["extensions"][HANDOFF](self.feed, 0, self._note_done)
        await send({"type": "websocket.send", "text": "from the application", "bytes": None})

    def _note_done(self) -> None:
        self.done += 1


async def frames_to_the_end(client: RoughClient) -> list[tuple[int, bytes]]:
    frames: list[tuple[int, bytes]] = []
    while not frames or frames[-1][0] != CLOSE:
        frames.append(await client.read_frame())
    return frames


async def test_the_hub_sends_and_the_application_does_not(autojump_clock: MockClock) -> None:
    follow = FollowingApp()
    async with serving(App({"/follow": follow})) as server:
        client = await server.websocket(b"/follow")
        follow.feed.add(b"1")
        assert await client.read_frame() == (TEXT, b"1")
        await client.send(close_frame(1000))
        assert await client.read_close() == 1000
        await trio.sleep(1)
        assert follow.done == 1
        assert server.app.running == 0


@pytest.mark.parametrize("capacity", [100, 64 * 1024])
async def test_nothing_follows_the_close_frame(capacity: int, autojump_clock: MockClock) -> None:
    follow = FollowingApp()
    async with serving(App({"/follow": follow})) as server:
        client = await server.websocket(b"/follow", capacity=capacity)
        follow.feed.add(b"x" * 1000)
        await wait_all_tasks_blocked()
        server.stop.set()
        await wait_all_tasks_blocked()
        follow.feed.add(b"late")
        await wait_all_tasks_blocked()
        *messages, (opcode, payload) = await frames_to_the_end(client)
        assert messages == [(TEXT, b"x" * 1000)]
        assert (opcode, payload[:2]) == (CLOSE, (1012).to_bytes(2, "big"))
        await client.send(close_frame(1012))
        with pytest.raises(GONE):
            await client.read_frame()
    assert follow.done == 1


async def test_a_second_handoff_is_done_at_once(autojump_clock: MockClock) -> None:
    done: list[str] = []

    async def twice(scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"][HANDOFF](ListFeed(), 0, lambda: done.append("before the accept"))
        await send({"type": "websocket.accept"})
        for turn in ("first", "second"):
            scope["extensions"][HANDOFF](ListFeed(), 0, lambda turn=turn: done.append(turn))

    async with serving(App({"/twice": twice})) as server:
        client = await server.websocket(b"/twice")
        await wait_all_tasks_blocked()
        assert done == ["before the accept", "second"]
        client.stream.close()
        await trio.sleep(1)
    assert done == ["before the accept", "second", "first"]
