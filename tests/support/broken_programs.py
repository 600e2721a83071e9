"""Small programs with one fault each, and sound ones, for the tests of the kit."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import NamedTuple

import trio


class Program(NamedTuple):
    """A scenario with its check."""

    scenario: Callable[[], Awaitable[None]]
    check: Callable[[], object] | None = None


def lost_update() -> Program:
    """Two tasks read, wait and write: in the default order, one after the other."""
    state = {"count": 0}

    async def add(hurry: int) -> None:
        for _ in range(hurry):
            await trio.lowlevel.checkpoint()
        seen = state["count"]
        if hurry:
            await trio.lowlevel.checkpoint()
        state["count"] = seen + 1

    async def scenario() -> None:
        state["count"] = 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(add, 3)
            nursery.start_soon(add, 0)

    def check() -> None:
        assert state["count"] == 2, f"{state['count']} of 2 updates are there"

    return Program(scenario, check)


def dining() -> Program:
    """Two tasks take two locks in opposite order."""

    async def dine(left: trio.Lock, right: trio.Lock, late: int) -> None:
        for _ in range(late):
            await trio.lowlevel.checkpoint()
        async with left, right:
            await trio.lowlevel.checkpoint()

    async def scenario() -> None:
        one, other = trio.Lock(), trio.Lock()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(dine, one, other, 0)
            nursery.start_soon(dine, other, one, 8)

    return Program(scenario)


def unshielded_commit() -> Program:
    """A transfer of two halves, between which a cancellation may come."""
    accounts = {"left": 1, "right": 0}

    async def scenario() -> None:
        accounts.update(left=1, right=0)
        await trio.sleep(1)
        accounts["left"] -= 1
        await trio.sleep(1)
        accounts["right"] += 1

    def check() -> None:
        assert sum(accounts.values()) == 1, f"money is lost: {accounts}"

    return Program(scenario, check)


def fragile_sender() -> Program:
    """A producer whose consumer may have gone, which it does not expect."""

    async def produce(channel: trio.MemorySendChannel[int]) -> None:
        async with channel:
            for number in range(3):
                await channel.send(number)

    async def scenario() -> None:
        sender, receiver = trio.open_memory_channel[int](0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(produce, sender)
            async with receiver:
                async for _ in receiver:
                    pass

    return Program(scenario)


def hasty_timeout() -> Program:
    """A task that believes a timeout of a minute cannot pass while it computes."""
    results: list[str] = []

    async def scenario() -> None:
        results.clear()
        with trio.move_on_after(60):
            for _ in range(5):
                await trio.lowlevel.checkpoint()
            results.append("done")

    def check() -> None:
        assert results == ["done"]

    return Program(scenario, check)


def open_generator() -> Program:
    """A loop over an async generator that ends before the generator does."""

    async def scenario() -> None:
        async for _ in _numbers():
            break

    return Program(scenario)


async def _numbers() -> AsyncGenerator[int, None]:
    for number in range(3):
        yield number
        await trio.lowlevel.checkpoint()


def poll_for_ever() -> Program:
    """A task that polls what never comes."""

    async def scenario() -> None:
        while True:
            await trio.lowlevel.checkpoint()

    return Program(scenario)


def sound() -> Program:
    """Tasks that share a lock, a channel, timeouts and a generator, as they should."""
    got: list[int] = []

    async def produce(channel: trio.MemorySendChannel[int], lock: trio.Lock) -> None:
        async with channel:
            for number in range(3):
                async with lock:
                    await trio.sleep(0.1)
                await channel.send(number)

    async def scenario() -> None:
        got.clear()
        lock = trio.Lock()
        sender, receiver = trio.open_memory_channel[int](1)
        async with trio.open_nursery() as nursery, sender, receiver:
            nursery.start_soon(produce, sender.clone(), lock)
            nursery.start_soon(produce, sender.clone(), lock)
            await sender.aclose()
            got.extend([number async for number in receiver])
        async with aclosing(_numbers()) as numbers:
            async for _ in numbers:
                break

    def check() -> None:
        assert all(got.count(number) <= 2 for number in got)

    return Program(scenario, check)
