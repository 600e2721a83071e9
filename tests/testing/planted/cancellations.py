"""Bugs that a cancellation lays bare."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import trio
from testing.planted.case import Bug, program

__all__ = ["BUGS"]


@dataclass
class Pool:
    """Connections that are lent and given back."""

    lent: int = 0

    async def say_goodbye(self) -> None:
        await trio.sleep(0.1)


async def query_and_wait(pool: Pool) -> None:
    pool.lent += 1
    try:
        await trio.sleep(1)
    finally:
        await pool.say_goodbye()  # bug: under cancellation this raises, and the next line is lost
        pool.lent -= 1


async def query(pool: Pool) -> None:
    pool.lent += 1
    try:
        await trio.sleep(1)
    finally:
        try:
            await pool.say_goodbye()
        finally:
            pool.lent -= 1


async def serve(ask: Callable[[Pool], Awaitable[None]], pool: Pool) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, pool)
        nursery.start_soon(ask, pool)


def check_pool(pool: Pool) -> None:
    assert pool.lent == 0, f"{pool.lent} connections did not come back"


@dataclass
class Ledger:
    """Two accounts with 100 coins between them."""

    accounts: dict[str, int] = field(default_factory=lambda: {"left": 100, "right": 0})


async def transfer_open(ledger: Ledger, amount: int) -> None:
    ledger.accounts["left"] -= amount
    await trio.lowlevel.checkpoint()  # bug: a cancellation here loses what is on its way
    ledger.accounts["right"] += amount


async def transfer(ledger: Ledger, amount: int) -> None:
    ledger.accounts["left"] -= amount
    with trio.CancelScope(shield=True):
        await trio.lowlevel.checkpoint()
    ledger.accounts["right"] += amount


async def settle(move: Callable[[Ledger, int], Awaitable[None]], ledger: Ledger) -> None:
    for amount in (10, 20, 30):
        await trio.sleep(1)
        await move(ledger, amount)


def check_ledger(ledger: Ledger) -> None:
    assert sum(ledger.accounts.values()) == 100, f"coins are lost: {ledger.accounts}"


@dataclass
class Workshop:
    """Two benches, and a job for whoever has one."""

    benches: trio.Semaphore = field(default_factory=lambda: trio.Semaphore(2, max_value=2))


async def prepare() -> None:
    await trio.sleep(0.5)


async def work_after_preparing(shop: Workshop) -> None:
    await shop.benches.acquire()
    await prepare()  # bug: outside of the block that gives the bench back
    try:
        await trio.sleep(1)
    finally:
        shop.benches.release()


async def work(shop: Workshop) -> None:
    async with shop.benches:
        await prepare()
        await trio.sleep(1)


async def shift(job: Callable[[Workshop], Awaitable[None]], shop: Workshop) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(job, shop)


def check_workshop(shop: Workshop) -> None:
    assert shop.benches.value == 2, f"{shop.benches.value} of 2 benches are free at the end"


BUGS = (
    Bug(
        "leak on cancel in finally",
        program(Pool, partial(serve, query_and_wait), check_pool),
        program(Pool, partial(serve, query), check_pool),
    ),
    Bug(
        "commit without a shield",
        program(Ledger, partial(settle, transfer_open), check_ledger),
        program(Ledger, partial(settle, transfer), check_ledger),
    ),
    Bug(
        "semaphore leak on cancel",
        program(Workshop, partial(shift, work_after_preparing), check_workshop),
        program(Workshop, partial(shift, work), check_workshop),
    ),
)
