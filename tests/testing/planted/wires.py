"""Bugs of streams and of the peers at their other end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import trio
import trio.testing
from testing.planted.case import ANY_PROGRAM, Bug, program

__all__ = ["BUGS"]


@dataclass
class Wire:
    """The two ends of a stream, and the messages that have come out of it."""

    near: trio.abc.SendStream = field(init=False)
    far: trio.abc.ReceiveStream = field(init=False)
    got: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.near, self.far = trio.testing.memory_stream_pair()


async def read_chunks(wire: Wire) -> None:
    while chunk := await wire.far.receive_some(1000):
        wire.got.append(bytes(chunk).rstrip())  # bug: a chunk may hold several lines


async def read_lines(wire: Wire) -> None:
    rest = b""
    while chunk := await wire.far.receive_some(1000):
        *complete, rest = (rest + chunk).split(b"\n")
        wire.got += complete


async def talk(read: Callable[[Wire], Awaitable[None]], wire: Wire) -> None:
    async def speak() -> None:
        for text in (b"hello\n", b"how are you\n", b"bye\n"):
            await trio.sleep(1)
            await wire.near.send_all(text)
            await trio.lowlevel.checkpoint()
            await wire.near.send_all(b"over\n")
        await wire.near.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(speak)
        nursery.start_soon(read, wire)
    assert len(wire.got) == 6, f"{len(wire.got)} of 6 lines came: {wire.got}"


async def send_unlocked(wire: Wire, lock: trio.Lock, text: bytes) -> None:
    await wire.near.send_all(text)  # bug: another task may be sending


async def send_locked(wire: Wire, lock: trio.Lock, text: bytes) -> None:
    async with lock:
        await wire.near.send_all(text)


async def write_from_two_tasks(
    send: Callable[[Wire, trio.Lock, bytes], Awaitable[None]], wire: Wire
) -> None:
    lock = trio.Lock()

    async def answer() -> None:
        await trio.sleep(1)
        await send(wire, lock, b"answer\n")

    async def ping() -> None:
        for _ in range(3):
            await trio.sleep(0.5)
            for _ in range(4):
                await trio.lowlevel.checkpoint()
            await send(wire, lock, b"ping\n")

    async with wire.near, wire.far, trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        nursery.start_soon(ping)


@dataclass
class Hall:
    """The audience of a broadcast, and how much each has been sent."""

    sent: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(3), 0))
    gone: set[int] = field(default_factory=set)


Send = Callable[[Hall, int, trio.MemorySendChannel[int], int], Awaitable[None]]


async def send_and_trust(
    hall: Hall, seat: int, channel: trio.MemorySendChannel[int], event: int
) -> None:
    await channel.send(event)  # bug: when one listener has gone, all others hear no more
    hall.sent[seat] += 1


async def send_or_let_go(
    hall: Hall, seat: int, channel: trio.MemorySendChannel[int], event: int
) -> None:
    if seat in hall.gone:
        return
    try:
        await channel.send(event)
    except trio.BrokenResourceError:
        hall.gone.add(seat)
        await channel.aclose()
    else:
        hall.sent[seat] += 1


async def broadcast(send: Send, hall: Hall) -> None:
    async def listen(receiver: trio.MemoryReceiveChannel[int]) -> None:
        async with receiver:
            async for _ in receiver:
                pass

    async with trio.open_nursery() as nursery:
        channels = []
        for _ in range(3):
            sender, receiver = trio.open_memory_channel[int](0)
            channels.append(sender)
            nursery.start_soon(listen, receiver)
        for event in range(4):
            for seat, channel in enumerate(channels):
                await send(hall, seat, channel, event)
        for channel in channels:
            await channel.aclose()
    assert all(sent == 4 for seat, sent in hall.sent.items() if seat not in hall.gone)


BUGS = (
    Bug(
        "chunk taken for a message",
        program(Wire, partial(talk, read_chunks)),
        program(Wire, partial(talk, read_lines)),
    ),
    Bug(
        "two writers on one stream",
        program(Wire, partial(write_from_two_tasks, send_unlocked)),
        program(Wire, partial(write_from_two_tasks, send_locked)),
    ),
    Bug(
        "one lost client ends the broadcast",
        program(Hall, partial(broadcast, send_and_trust)),
        program(Hall, partial(broadcast, send_or_let_go)),
        faults=(*ANY_PROGRAM, "broken"),
    ),
)
