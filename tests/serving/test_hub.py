"""The hub: every follower gets every message, once and in order, and waits for no other follower.

Examples show single rules; a property test draws schedules, blocked sockets and bursts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from support.list_feed import ListFeed
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.frame_protocol import FrameProtocol, Opcode

from glowback_trio.serving.hub import Follower, Hub, frame_text
from glowback_trio.testing import explore, seeded_schedule


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 100_000])
def test_a_frame_is_what_a_websocket_library_makes_of_it(size: int) -> None:
    text = "é" * (size // 2) + "x" * (size % 2)
    expected = FrameProtocol(client=False, extensions=[])._serialize_frame(
        Opcode.TEXT, bytearray(text.encode())
    )
    assert frame_text(text.encode()) == expected


CLOSE = b"\x88\x02\x03\xe8"


@define(eq=False)
class Pipe:
    """A link that takes so many bytes at once, and waits for `opened` when it is full."""

    room: float = float("inf")
    received: bytes = b""
    rest: bytes = b""
    opened: trio.Event = field(factory=trio.Event)
    closed: int | None = None
    #: Its close frame waits for room.
    closes: bool = False
    aborted: bool = False
    error: BaseException | None = None
    gone: bool = False

    def write_nowait(self, data: bytes) -> bool:
        if self.gone:
            raise BrokenPipeError
        taken = int(min(self.room, len(data)))
        self.room -= taken
        self.received += data[:taken]
        self.rest += data[taken:]
        return taken == len(data)

    async def write(self, data: bytes) -> bool:
        if self.closes or self.rest or self.room < len(data):
            await self.opened.wait()
        await trio.lowlevel.checkpoint()
        self.received += self.rest + data
        self.rest, self.closes = b"", False
        return not self.gone

    async def close(self, code: int, reason: str) -> None:
        await trio.lowlevel.checkpoint()
        self.closed = code

    def close_nowait(self, code: int, reason: str) -> bool:
        self.closed = code
        self.closes = self.room < len(CLOSE)
        return not self.closes

    def abort(self, error: BaseException | None = None) -> None:
        self.aborted, self.error = True, error


@asynccontextmanager
async def running_hub() -> AsyncIterator[tuple[Hub, trio.Nursery]]:
    hub = Hub()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hub.run)
        yield hub, nursery
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


def framed(*messages: bytes) -> bytes:
    return b"".join(map(frame_text, messages))


async def test_followers_get_what_is_there_and_what_comes(autojump_clock: MockClock) -> None:
    feed = ListFeed([b"1", b"2"])
    pipes = [Pipe() for _ in range(500)]
    async with running_hub() as (hub, nursery):
        for cursor, pipe in enumerate(pipes):
            hub.follow(Follower(feed, cursor % 3, pipe, nursery))
        await wait_all_tasks_blocked()
        feed.add(b"3")
        feed.add(b"4", b"5", b"6", b"7", b"8", over=True)
    texts = [b"%d" % n for n in range(1, 9)]
    for cursor, pipe in enumerate(pipes):
        assert pipe.received == framed(*texts[cursor % 3 :])
        assert pipe.closed == 1000
    assert feed.watchers == []
    assert hub.load.messages == sum(8 - n % 3 for n in range(500))


async def test_the_end_of_a_feed_takes_no_task_for_each_follower() -> None:
    hub, feed = Hub(), ListFeed([b"1"], over=True)
    pipe = Pipe()
    async with trio.open_nursery() as nursery:
        hub.follow(Follower(feed, 0, pipe, nursery))
        assert not nursery.child_tasks
    assert (pipe.received, pipe.closed) == (framed(b"1"), 1000)
    assert feed.watchers == []


async def test_a_close_frame_that_does_not_go_at_once_is_waited_for(
    autojump_clock: MockClock,
) -> None:
    feed = ListFeed([b"1"], over=True)
    pipe = Pipe(room=len(framed(b"1")) + 1)
    async with running_hub() as (hub, nursery):
        hub.follow(Follower(feed, 0, pipe, nursery))
        await wait_all_tasks_blocked()
        assert (pipe.closed, pipe.closes) == (1000, True)
        pipe.opened.set()
        await wait_all_tasks_blocked()
        assert not pipe.closes


async def test_a_follower_that_catches_up_in_one_write_takes_no_task() -> None:
    hub, feed = Hub(), ListFeed([b"1", b"2"])
    current, at_end, behind = Pipe(), Pipe(), Pipe()
    async with trio.open_nursery() as nursery:
        hub.follow(Follower(feed, 0, current, nursery))
        hub.follow(Follower(feed, 2, at_end, nursery))
        assert not nursery.child_tasks
        assert (current.received, at_end.received) == (framed(b"1", b"2"), b"")
        feed.add(b"3", b"4")
        hub.follow(Follower(feed, 0, behind, nursery))
        assert len(nursery.child_tasks) == 1
        await wait_all_tasks_blocked()
        assert behind.received == framed(*feed.messages)


async def test_messages_that_left_memory_are_loaded_by_a_task_of_their_followers(
    autojump_clock: MockClock,
) -> None:
    feed = ListFeed([b"%d" % n for n in range(10)], forgotten=8)
    pipes = [Pipe() for _ in range(11)]
    async with running_hub() as (hub, nursery):
        for cursor, pipe in enumerate(pipes):
            hub.follow(Follower(feed, cursor, pipe, nursery))
        assert len(nursery.child_tasks) == 1 + 8, "the hub's own, and one for each that must wait"
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        feed.add(b"live")
        await wait_all_tasks_blocked()
        for cursor, pipe in enumerate(pipes):
            assert pipe.received == framed(*feed.messages[cursor:])


async def test_a_follower_whose_next_message_leaves_memory_catches_up(
    autojump_clock: MockClock,
) -> None:
    feed, slow, fast = ListFeed(), Pipe(room=0), Pipe()
    async with running_hub() as (hub, nursery):
        for pipe in (slow, fast):
            hub.follow(Follower(feed, 0, pipe, nursery))
        for number in range(20):
            feed.add(b"%d" % number)
            feed.forgotten = number
            await wait_all_tasks_blocked()
        slow.room = float("inf")
        slow.opened.set()
        feed.add(over=True)
        await wait_all_tasks_blocked()
    for pipe in (slow, fast):
        assert (pipe.received, pipe.closed) == (framed(*feed.messages), 1000)


async def test_a_feed_that_breaks_at_the_first_read_ends_its_follower(
    autojump_clock: MockClock,
) -> None:
    feed, pipe = ListFeed(fault=ZeroDivisionError()), Pipe()
    async with running_hub() as (hub, nursery):
        hub.follow(Follower(feed, 0, pipe, nursery))
    assert isinstance(pipe.error, ZeroDivisionError)
    assert feed.watchers == []


async def test_a_stuck_follower_delays_no_other(autojump_clock: MockClock) -> None:
    feed, stuck, free = ListFeed(), Pipe(room=4), Pipe()
    async with running_hub() as (hub, nursery):
        for pipe in (stuck, free):
            hub.follow(Follower(feed, 0, pipe, nursery))
        await wait_all_tasks_blocked()
        for number in range(20):
            feed.add(b"%d" % number)
            await wait_all_tasks_blocked()
        assert free.received == framed(*feed.messages)
        assert len(stuck.received) == 4
        assert len(stuck.rest) < 8, "it is owed the rest of one chunk, whatever has come since"
        stuck.room = float("inf")
        stuck.opened.set()
        await wait_all_tasks_blocked()
        assert stuck.received == framed(*feed.messages)
        feed.add(b"more")
        await wait_all_tasks_blocked()
        assert stuck.received == free.received == framed(*feed.messages)


async def test_a_lost_peer_is_forgotten(autojump_clock: MockClock) -> None:
    feed, gone, left, stays = ListFeed(), Pipe(), Pipe(), Pipe()
    async with running_hub() as (hub, nursery):
        followers = [Follower(feed, 0, pipe, nursery) for pipe in (gone, left, stays)]
        for follower in followers:
            hub.follow(follower)
        await wait_all_tasks_blocked()
        gone.gone = True
        hub.leave(followers[1])
        hub.leave(followers[1])
        feed.add(b"x", over=True)
    assert gone.aborted
    assert left.received == b""
    assert (stays.received, stays.closed) == (framed(b"x"), 1000)
    assert feed.watchers == []


async def test_a_quiet_follower_is_sent_a_heartbeat_with_its_cursor(
    autojump_clock: MockClock,
) -> None:
    feed, pipe, late = ListFeed(quiet=10), Pipe(), Pipe()
    async with running_hub() as (hub, nursery):
        hub.follow(Follower(feed, 0, pipe, nursery))
        await trio.sleep(6)
        feed.add(b"x")
        await trio.sleep(7)
        hub.follow(Follower(feed, 1, late, nursery))
        assert pipe.received == framed(b"x")
        await trio.sleep(4)
        assert pipe.received == framed(b"x", b"at 1"), "ten seconds after its last message"
        assert late.received == b""
        await trio.sleep(7)
        assert pipe.received == framed(b"x", b"at 1")
        assert late.received == framed(b"at 1")
        feed.add(b"y", over=True)
    assert pipe.received == framed(b"x", b"at 1", b"y")


@pytest.mark.parametrize("sent", ["messages", "heartbeats"])
async def test_many_feeds_with_something_to_write_let_others_have_turns(
    sent: str, autojump_clock: MockClock
) -> None:
    feeds, pipes = [ListFeed(quiet=10) for _ in range(1000)], [Pipe() for _ in range(1000)]
    async with running_hub() as (hub, nursery):
        for feed, pipe in zip(feeds, pipes, strict=True):
            hub.follow(Follower(feed, 0, pipe, nursery))
        await trio.sleep(0 if sent == "messages" else 10)
        for feed in feeds if sent == "messages" else ():
            feed.add(b"1")
        most = before = 0
        while before < 1000:
            await trio.lowlevel.checkpoint()
            now = sum(bool(pipe.received) for pipe in pipes)
            most, before = max(most, now - before), now
        assert most <= 400, "of the hub's 200, perhaps two turns were between two looks"
    assert {pipe.received for pipe in pipes} == {framed(b"1" if sent == "messages" else b"at 0")}


async def test_a_feed_that_breaks_ends_only_its_followers(autojump_clock: MockClock) -> None:
    broken, sound = ListFeed(), ListFeed()
    victim, bystander = Pipe(), Pipe()
    async with running_hub() as (hub, nursery):
        hub.follow(Follower(broken, 0, victim, nursery))
        hub.follow(Follower(sound, 0, bystander, nursery))
        await wait_all_tasks_blocked()
        broken.fault = ZeroDivisionError()
        broken.add(b"x")
        sound.add(b"y")
    assert isinstance(victim.error, ZeroDivisionError)
    assert bystander.received == framed(b"y")


@define(eq=False)
class LateFeed(ListFeed):
    """A feed to which a message is added right after a read that found nothing."""

    late: list[bytes] = field(factory=list)

    def read(self, cursor: int) -> tuple[Sequence[bytes], int]:
        found = super().read(cursor)
        if self.late and not found[0]:
            self.add(self.late.pop())
        return found


def test_a_message_that_comes_at_the_end_of_catching_up_is_not_lost() -> None:
    async def scenario() -> None:
        feed, pipe = LateFeed([b"1"]), Pipe(room=0)
        async with running_hub() as (hub, nursery):
            hub.follow(Follower(feed, 0, pipe, nursery))
            await wait_all_tasks_blocked()
            feed.late.append(b"2")
            pipe.room = float("inf")
            pipe.opened.set()
            await wait_all_tasks_blocked()
            assert pipe.received == framed(b"1", b"2")

    search = explore(scenario, strategy="exhaustive", faults=("slow",))
    assert search.finding is None, str(search)
    assert search.covered


@given(
    seed=st.integers(0, 2**32),
    rooms=st.lists(st.integers(0, 40), min_size=1, max_size=5),
    bursts=st.lists(st.integers(1, 7), max_size=6),
    kept=st.integers(0, 9),
)
def test_under_any_schedule_and_blockage_every_follower_gets_every_message(
    seed: int, rooms: list[int], bursts: list[int], kept: int
) -> None:
    async def scenario() -> None:
        feed = ListFeed()
        pipes = [Pipe(room=room) for room in rooms]
        async with running_hub() as (hub, nursery):
            for pipe in pipes:
                hub.follow(Follower(feed, 0, pipe, nursery))
                feed.add(b"joined")
                await trio.lowlevel.checkpoint()
            for burst in bursts:
                feed.forgotten = max(feed.forgotten, len(feed.messages) - kept)
                feed.add(*[b"%d" % n for n in range(burst)])
                await trio.lowlevel.checkpoint()
                pipes[burst % len(pipes)].opened.set()
            feed.add(over=True)
            for pipe in pipes:
                pipe.opened.set()
            await wait_all_tasks_blocked()
        for pipe in pipes:
            assert (pipe.received, pipe.closed) == (framed(*feed.messages), 1000)

    with seeded_schedule(seed):
        trio.run(scenario, clock=MockClock(autojump_threshold=0))
