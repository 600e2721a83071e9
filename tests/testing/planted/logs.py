"""Bugs of logs that are replayed and followed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import trio
from testing.planted.case import Bug, program

__all__ = ["BUGS"]


@dataclass
class Log:
    """Events, and a channel for each who follows them."""

    events: list[int] = field(default_factory=list)
    followers: list[trio.MemorySendChannel[int]] = field(default_factory=list)

    def append(self, event: int) -> None:
        self.events.append(event)
        for follower in self.followers:
            follower.send_nowait(event)

    def follow(self) -> trio.MemoryReceiveChannel[int]:
        sender, receiver = trio.open_memory_channel[int](100)
        self.followers.append(sender)
        return receiver


Write = Callable[[int], Awaitable[None]]


async def read_then_follow(log: Log, write: Write) -> None:
    for event in log.events.copy():
        await write(event)
    live = log.follow()  # bug: what came while the replay was written is in neither part
    async for event in live:
        await write(event)
        if event == 4:
            return


async def follow_then_read(log: Log, write: Write) -> None:
    live = log.follow()
    past = log.events.copy()
    for event in past:
        await write(event)
    last = past[-1] if past else -1
    while last < 4:
        last = await live.receive()
        await write(last)


async def subscribe(read: Callable[[Log, Write], Awaitable[None]], log: Log) -> None:
    got: list[int] = []

    async def write(event: int) -> None:
        await trio.lowlevel.checkpoint()
        got.append(event)

    async def emit() -> None:
        for event in range(5):
            await trio.sleep(1)
            log.append(event)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(emit)
        await trio.sleep(2.5)
        await read(log, write)
    assert got == [0, 1, 2, 3, 4], f"the client has {got}"


@dataclass
class Fan:
    """Clients with a queue of four events each."""

    queues: list[trio.MemorySendChannel[int]] = field(default_factory=list)


async def send_or_drop(fan: Fan, event: int) -> None:
    for queue in fan.queues:
        try:
            queue.send_nowait(event)
        except trio.WouldBlock:
            continue  # bug: a client that is slow for a moment misses an event
    await trio.lowlevel.checkpoint()


async def send_to_all(fan: Fan, event: int) -> None:
    for queue in fan.queues:
        await queue.send(event)


async def fan_out(send: Callable[[Fan, int], Awaitable[None]], fan: Fan) -> None:
    got: list[list[int]] = [[], []]

    async def client(number: int, receiver: trio.MemoryReceiveChannel[int]) -> None:
        async with receiver:
            async for event in receiver:
                got[number].append(event)

    async with trio.open_nursery() as nursery:
        for number in range(2):
            sender, receiver = trio.open_memory_channel[int](4)
            fan.queues.append(sender)
            nursery.start_soon(client, number, receiver)
        for event in range(10):
            await send(fan, event)
        for queue in fan.queues:
            await queue.aclose()
    assert got == [list(range(10))] * 2, f"the clients have {got}"


@dataclass
class Run:
    """A run that ends once, as completed or as cancelled."""

    log: list[str] = field(default_factory=list)
    ended: bool = False


async def end_twice(run: Run, state: str) -> None:
    if run.ended:
        return
    await trio.lowlevel.checkpoint()  # the result is stored
    run.ended = True  # bug: another end may have been written meanwhile
    run.log.append(state)


async def end_once(run: Run, state: str) -> None:
    if run.ended:
        return
    run.ended = True
    with trio.CancelScope(shield=True):
        await trio.lowlevel.checkpoint()
    run.log.append(state)


async def run_and_cancel(end: Callable[[Run, str], Awaitable[None]], run: Run) -> None:
    async def compute() -> None:
        for _ in range(5):
            await trio.lowlevel.checkpoint()
        await end(run, "completed")

    async def user() -> None:
        await trio.lowlevel.checkpoint()
        await end(run, "cancelled")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(compute)
        nursery.start_soon(user)


def check_run(run: Run) -> None:
    assert len(run.log) <= 1, f"the log has two ends: {run.log}"


@dataclass
class Outbox:
    """What waits to be sent, and how much was."""

    waiting: list[int] = field(default_factory=lambda: list(range(2000)))
    sent: int = 0


async def flush_at_once(box: Outbox, items: Iterable[int]) -> None:
    for _ in items:
        box.sent += 1  # bug: a long queue holds the loop
    await trio.lowlevel.checkpoint()


async def flush_in_turns(box: Outbox, items: Iterable[int]) -> None:
    for _ in items:
        box.sent += 1
        if box.sent % 100 == 0:
            await trio.lowlevel.checkpoint()


async def flush(way: Callable[[Outbox, Iterable[int]], Awaitable[None]], box: Outbox) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(way, box, box.waiting)
        await trio.sleep(0.1)


BUGS = (
    Bug(
        "seam between replay and live",
        program(Log, partial(subscribe, read_then_follow)),
        program(Log, partial(subscribe, follow_then_read)),
    ),
    Bug(
        "queue of a client overflows",
        program(Fan, partial(fan_out, send_or_drop)),
        program(Fan, partial(fan_out, send_to_all)),
    ),
    Bug(
        "two terminal events",
        program(Run, partial(run_and_cancel, end_twice), check_run),
        program(Run, partial(run_and_cancel, end_once), check_run),
    ),
    Bug(
        "send loop without a checkpoint",
        program(Outbox, partial(flush, flush_at_once)),
        program(Outbox, partial(flush, flush_in_turns)),
        max_lines=1000,
    ),
)
