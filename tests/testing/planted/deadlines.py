"""Bugs of timeouts, which time may reach at any step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import trio
from testing.planted.case import ANY_PROGRAM, Bug, program

__all__ = ["BUGS"]


@dataclass
class Order:
    """An order that is refunded when nobody pays for a minute, or when the shop closes."""

    refunds: int = 0
    is_open: bool = True


async def notify() -> None:
    await trio.lowlevel.checkpoint()


async def refund_when_open(order: Order) -> None:
    if order.is_open:
        await notify()
        order.is_open = False  # bug: the other timer may be here too
        order.refunds += 1


async def refund(order: Order) -> None:
    if order.is_open:
        order.is_open = False
        order.refunds += 1
        await notify()


async def expire(give_back: Callable[[Order], Awaitable[None]], order: Order) -> None:
    async def timer(seconds: float) -> None:
        await trio.sleep(seconds)
        await give_back(order)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(timer, 60)
        nursery.start_soon(timer, 61)


def check_order(order: Order) -> None:
    assert order.refunds <= 1, "the customer was paid back twice"


@dataclass
class Queue:
    """Jobs, each of which is to be taken and done."""

    done: list[int] = field(default_factory=list)


Batch = Callable[[trio.MemoryReceiveChannel[int], Queue], Awaitable[None]]


async def work_against_time(jobs: trio.MemoryReceiveChannel[int], queue: Queue) -> None:
    with trio.move_on_after(5):
        async for job in jobs:
            await trio.lowlevel.checkpoint()  # bug: time may be up with a job in hand
            queue.done.append(job)


async def work_in_hand(jobs: trio.MemoryReceiveChannel[int], queue: Queue) -> None:
    with trio.move_on_after(5):
        async for job in jobs:
            with trio.CancelScope(shield=True):
                await trio.lowlevel.checkpoint()
            queue.done.append(job)


async def batches(work: Batch, queue: Queue) -> None:
    sender, receiver = trio.open_memory_channel[int](10)

    async def post() -> None:
        async with sender:
            for job in range(4):
                await trio.sleep(1)
                await sender.send(job)

    async with trio.open_nursery() as nursery, receiver:
        nursery.start_soon(post)
        while len(queue.done) < 4:
            await work(receiver, queue)
            if receiver.statistics().open_send_channels == 0:
                break
        queue.done += [job async for job in receiver]
    assert queue.done == [0, 1, 2, 3], f"done are {queue.done}"


BUGS = (
    Bug(
        "timeout that fires twice",
        program(Order, partial(expire, refund_when_open), check_order),
        program(Order, partial(expire, refund), check_order),
        faults=(*ANY_PROGRAM, "timeout"),
    ),
    Bug(
        "time is up with a job in hand",
        program(Queue, partial(batches, work_against_time)),
        program(Queue, partial(batches, work_in_hand)),
        faults=(*ANY_PROGRAM, "timeout"),
    ),
)
