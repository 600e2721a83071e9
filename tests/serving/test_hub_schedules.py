"""The hub in many orders of tasks.

Doctrine: every follower is written every message once and in order, and its end, in whatever order
the hub, the writer of the feed and the tasks of slow followers run. A ring that is lost shows as a
deadlock. Faults planted into the hub that these tests find stand in `tests/extended/mutants.py`.
"""

from __future__ import annotations

import trio
from attrs import define, field
from support.broken_programs import Program
from support.list_feed import ListFeed

from glowback_trio.serving.hub import Follower, Hub, frame_text
from glowback_trio.testing.sim import find

MESSAGES = [b"%d" % number for number in range(20)]
FRAMES = b"".join(map(frame_text, MESSAGES))


@define(eq=False)
class Socket:
    """A WebSocket that takes so many bytes at once; the rest goes out two checkpoints later."""

    room: int
    received: bytes = b""
    rest: bytes = b""
    closed: trio.Event = field(factory=trio.Event)

    def write_nowait(self, data: bytes) -> bool:
        assert not self.rest, "the hub writes while a write is under way"
        assert not self.closed.is_set(), "the hub writes after the close"
        self.received += data[: self.room]
        self.rest = data[self.room :]
        return not self.rest

    async def write(self, data: bytes) -> bool:
        for _ in range(2):
            await trio.lowlevel.checkpoint()
        self.received += self.rest + data
        self.rest = b""
        return True

    async def close(self, code: int, reason: str) -> None:
        await trio.lowlevel.checkpoint()
        self.closed.set()

    def close_nowait(self, code: int, reason: str) -> bool:
        assert not self.rest, "the hub closes while a write is under way"
        self.closed.set()
        return True

    def abort(self, error: BaseException | None = None) -> None:
        raise AssertionError("the hub gives a follower up") from error


def followed_feed() -> Program:
    sockets: list[Socket] = []

    async def follow(hub: Hub, feed: ListFeed, socket: Socket, nursery: trio.Nursery) -> None:
        await trio.lowlevel.checkpoint()
        hub.follow(Follower(feed, 0, socket, nursery))

    async def add(feed: ListFeed) -> None:
        for number, message in enumerate(MESSAGES):
            feed.add(message)
            if number % 4:
                await trio.lowlevel.checkpoint()
        feed.add(over=True)

    async def scenario() -> None:
        sockets[:] = [Socket(1000), Socket(5), Socket(0)]
        hub, feed = Hub(), ListFeed()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hub.run)
            nursery.start_soon(add, feed)
            for socket in sockets:
                nursery.start_soon(follow, hub, feed, socket, nursery)
            for socket in sockets:
                await socket.closed.wait()
            nursery.cancel_scope.cancel()
        assert [socket.received for socket in sockets] == [FRAMES] * 3
        assert feed.watchers == []

    def check() -> None:
        for socket in sockets:
            assert FRAMES.startswith(socket.received), f"{socket.received!r} was written"

    return Program(scenario, check)


def test_every_follower_is_written_everything_once_whatever_the_order() -> None:
    for strategy in ("random", "pct"):
        finding = find(*followed_feed(), strategy=strategy, faults=("cancel", "slow"), rounds=100)
        assert finding is None, str(finding)
