"""Bugs of programs that are to come to an end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import trio
from testing.planted.case import Bug, program

__all__ = ["BUGS"]


@dataclass
class Worker:
    """A worker that takes jobs until it is told to stop."""

    stopping: bool = False
    sender: trio.MemorySendChannel[int] = field(init=False)
    receiver: trio.MemoryReceiveChannel[int] = field(init=False)
    done: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sender, self.receiver = trio.open_memory_channel[int](10)

    async def work(self) -> None:
        while not self.stopping:
            try:
                job = await self.receiver.receive()
            except trio.EndOfChannel:
                return
            await trio.sleep(1)
            self.done.append(job)


async def stop_by_flag(worker: Worker) -> None:
    worker.stopping = True  # bug: a worker that waits for a job does not look
    await trio.lowlevel.checkpoint()


async def stop(worker: Worker) -> None:
    worker.stopping = True
    await worker.sender.aclose()


async def employ(end: Callable[[Worker], Awaitable[None]], worker: Worker) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker.work)
        await worker.sender.send(1)
        await worker.sender.send(2)
        await trio.sleep(2)
        await end(worker)


@dataclass
class Results:
    """What producers have made, each within a second."""

    made: list[int] = field(default_factory=list)


async def produce_and_forget(channel: trio.MemorySendChannel[int], number: int) -> None:
    with trio.move_on_after(1):
        await trio.sleep(number * 0.4)
        await channel.send(number)
        await channel.aclose()  # bug: not reached when time is up


async def produce(channel: trio.MemorySendChannel[int], number: int) -> None:
    async with channel:
        with trio.move_on_after(1):
            await trio.sleep(number * 0.4)
            await channel.send(number)


async def gather(
    make: Callable[[trio.MemorySendChannel[int], int], Awaitable[None]], results: Results
) -> None:
    sender, receiver = trio.open_memory_channel[int](0)
    async with trio.open_nursery() as nursery, receiver:
        async with sender:
            for number in range(3):
                nursery.start_soon(make, sender.clone(), number)
        async for number in receiver:
            results.made.append(number)


BUGS = (
    Bug(
        "shutdown hang",
        program(Worker, partial(employ, stop_by_flag)),
        program(Worker, partial(employ, stop)),
    ),
    Bug(
        "clone of a channel never closed",
        program(Results, partial(gather, produce_and_forget)),
        program(Results, partial(gather, produce)),
    ),
)
