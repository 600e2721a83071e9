"""Bugs between a task that waits and the one that wakes it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import trio
from testing.planted.case import Bug, program

__all__ = ["BUGS"]


@dataclass
class Mailbox:
    """Messages, and the event that says that one has come."""

    messages: deque[int] = field(default_factory=deque)
    arrived: trio.Event = field(default_factory=trio.Event)
    read: list[int] = field(default_factory=list)

    def post(self, message: int) -> None:
        self.messages.append(message)
        self.arrived.set()


async def take_after_renewing(box: Mailbox) -> int:
    while not box.messages:
        await trio.lowlevel.checkpoint()  # as a call to a metrics service may be
        box.arrived = trio.Event()  # bug: a message may have come since the look
        await box.arrived.wait()
    return box.messages.popleft()


async def take_renewed(box: Mailbox) -> int:
    while not box.messages:
        box.arrived = trio.Event()
        await box.arrived.wait()
        await trio.lowlevel.checkpoint()
    return box.messages.popleft()


async def exchange_messages(take: Callable[[Mailbox], Awaitable[int]], box: Mailbox) -> None:
    async def read() -> None:
        for _ in range(3):
            box.read.append(await take(box))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        for message in range(3):
            await trio.sleep(0.1)
            box.post(message)
    assert box.read == [0, 1, 2]


@dataclass
class Shelf:
    """Goods, and the condition that says that there are some."""

    goods: list[str] = field(default_factory=list)
    filled: trio.Condition = field(default_factory=trio.Condition)


async def fetch_after_if(shelf: Shelf) -> str:
    async with shelf.filled:
        if not shelf.goods:  # bug: who is woken may find that another was quicker
            await shelf.filled.wait()
        return shelf.goods.pop()


async def fetch_in_loop(shelf: Shelf) -> str:
    async with shelf.filled:
        while not shelf.goods:
            await shelf.filled.wait()
        return shelf.goods.pop()


async def trade(fetch: Callable[[Shelf], Awaitable[str]], shelf: Shelf) -> None:
    async def buy(delay: float) -> None:
        await trio.sleep(delay)
        await fetch(shelf)

    async def deliver() -> None:
        for number in range(2):
            await trio.sleep(1)
            async with shelf.filled:
                shelf.goods.append(f"parcel {number}")
                shelf.filled.notify()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(buy, 0)
        nursery.start_soon(buy, 1)
        nursery.start_soon(deliver)


@dataclass
class Turnstile:
    """A semaphore that hands its only token from task to task."""

    free: bool = True
    queue: deque[trio.Event] = field(default_factory=deque)

    def release(self) -> None:
        if self.queue:
            self.queue.popleft().set()  # the token goes to the one who waits
        else:
            self.free = True

    async def acquire_trusting(self) -> None:
        if self.free:
            self.free = False
            return
        turn = trio.Event()
        self.queue.append(turn)
        try:
            await turn.wait()
        finally:
            if turn in self.queue:  # bug: whoever is cancelled may have the token already
                self.queue.remove(turn)

    async def acquire(self) -> None:
        if self.free:
            self.free = False
            return
        turn = trio.Event()
        self.queue.append(turn)
        woken = False
        try:
            await turn.wait()
            woken = True
        finally:
            if turn in self.queue:
                self.queue.remove(turn)
            elif not woken:
                self.release()


async def pass_turnstile(
    acquire: Callable[[Turnstile], Awaitable[None]], turnstile: Turnstile
) -> None:
    async def go(scope: trio.CancelScope) -> None:
        with scope:
            await acquire(turnstile)
            try:
                await trio.sleep(1)
            finally:
                turnstile.release()

    async def give_up(scope: trio.CancelScope) -> None:
        await trio.sleep(1)
        await trio.lowlevel.checkpoint()
        scope.cancel()

    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(go, trio.CancelScope())
        nursery.start_soon(go, scope)
        nursery.start_soon(give_up, scope)
    await acquire(turnstile)
    turnstile.release()


@dataclass
class Job:
    """A result, and the event that says that it is there."""

    result: int | None = None
    done: trio.Event = field(default_factory=trio.Event)


async def finish_early(job: Job) -> None:
    job.done.set()  # bug: the result comes later
    await trio.lowlevel.checkpoint()
    job.result = 42


async def finish(job: Job) -> None:
    await trio.lowlevel.checkpoint()
    job.result = 42
    job.done.set()


async def wait_for_result(end: Callable[[Job], Awaitable[None]], job: Job) -> None:
    async def compute() -> None:
        await trio.sleep(1)
        await end(job)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(compute)
        await job.done.wait()
        await trio.lowlevel.checkpoint()
        assert job.result == 42


BUGS = (
    Bug(
        "lost wake-up",
        program(Mailbox, partial(exchange_messages, take_after_renewing)),
        program(Mailbox, partial(exchange_messages, take_renewed)),
    ),
    Bug(
        "condition without a loop",
        program(Shelf, partial(trade, fetch_after_if)),
        program(Shelf, partial(trade, fetch_in_loop)),
    ),
    Bug(
        "cancelled waiter swallows the token",
        program(Turnstile, partial(pass_turnstile, Turnstile.acquire_trusting)),
        program(Turnstile, partial(pass_turnstile, Turnstile.acquire)),
    ),
    Bug(
        "event set before the state",
        program(Job, partial(wait_for_result, finish_early)),
        program(Job, partial(wait_for_result, finish)),
    ),
)
