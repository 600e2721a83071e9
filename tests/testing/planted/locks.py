"""Bugs of locks, limits and pools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import trio
from testing.planted.case import Bug, program

__all__ = ["BUGS"]


@dataclass
class Vaults:
    """Two vaults with a lock each."""

    locks: dict[str, trio.Lock] = field(
        default_factory=lambda: {"north": trio.Lock(), "south": trio.Lock()}
    )


async def move_in_call_order(vaults: Vaults, source: str, target: str) -> None:
    # Bug: two that move in opposite directions wait for each other.
    async with vaults.locks[source], vaults.locks[target]:
        await trio.lowlevel.checkpoint()


async def move_in_name_order(vaults: Vaults, source: str, target: str) -> None:
    first, second = sorted((source, target))
    async with vaults.locks[first], vaults.locks[second]:
        await trio.lowlevel.checkpoint()


async def move_both_ways(
    move: Callable[[Vaults, str, str], Awaitable[None]], vaults: Vaults
) -> None:
    async def northbound() -> None:
        for _ in range(6):
            await trio.lowlevel.checkpoint()
        await move(vaults, "south", "north")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(move, vaults, "north", "south")
        nursery.start_soon(northbound)


@dataclass
class Table:
    """Three forks for three philosophers."""

    forks: list[trio.Lock] = field(default_factory=lambda: [trio.Lock() for _ in range(3)])


async def eat_left_first(table: Table, seat: int) -> None:
    async with table.forks[seat]:
        await trio.lowlevel.checkpoint()
        async with table.forks[(seat + 1) % 3]:  # bug: all may hold their left fork
            await trio.lowlevel.checkpoint()


async def eat_low_first(table: Table, seat: int) -> None:
    low, high = sorted((seat, (seat + 1) % 3))
    async with table.forks[low]:
        await trio.lowlevel.checkpoint()
        async with table.forks[high]:
            await trio.lowlevel.checkpoint()


async def dine(eat: Callable[[Table, int], Awaitable[None]], table: Table) -> None:
    async def philosopher(seat: int) -> None:
        for _ in range(6 * seat):
            await trio.lowlevel.checkpoint()  # thinks
        await eat(table, seat)

    async with trio.open_nursery() as nursery:
        for seat in range(3):
            nursery.start_soon(philosopher, seat)


@dataclass
class Lender:
    """Connections by number, which at most one task uses at a time."""

    free: list[int] = field(default_factory=lambda: [2, 1])
    used: list[int] = field(default_factory=list)


async def ask_and_return_twice(lender: Lender, patience: float) -> None:
    connection = lender.free.pop()
    try:
        with trio.move_on_after(patience) as scope:
            await use(lender, connection)
        if scope.cancelled_caught:
            lender.free.append(connection)  # bug: the last block gives it back again
    finally:
        lender.free.append(connection)


async def ask_and_return(lender: Lender, patience: float) -> None:
    connection = lender.free.pop()
    try:
        with trio.move_on_after(patience):
            await use(lender, connection)
    finally:
        lender.free.append(connection)


async def use(lender: Lender, connection: int) -> None:
    assert connection not in lender.used, f"two tasks use connection {connection}"
    lender.used.append(connection)
    try:
        await trio.sleep(1)
    finally:
        lender.used.remove(connection)


async def lend(ask: Callable[[Lender, float], Awaitable[None]], lender: Lender) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, lender, 1.0)
        nursery.start_soon(ask, lender, 3.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, lender, 3.0)
        nursery.start_soon(ask, lender, 3.0)


BUGS = (
    Bug(
        "lock order",
        program(Vaults, partial(move_both_ways, move_in_call_order)),
        program(Vaults, partial(move_both_ways, move_in_name_order)),
    ),
    Bug(
        "dining philosophers",
        program(Table, partial(dine, eat_left_first)),
        program(Table, partial(dine, eat_low_first)),
    ),
    Bug(
        "double release",
        program(Lender, partial(lend, ask_and_return_twice)),
        program(Lender, partial(lend, ask_and_return)),
    ),
)
