"""Bugs of tasks that look, wait, and act on what they saw."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import trio
from testing.planted.case import Bug, program

__all__ = ["BUGS"]


@dataclass
class Cache:
    """Connections by host, each of which is to be opened once."""

    entries: dict[str, int] = field(default_factory=dict)
    opened: int = 0
    lock: trio.Lock = field(default_factory=trio.Lock)

    async def open(self) -> int:
        await trio.sleep(0.1)
        self.opened += 1
        return self.opened


async def connect_unguarded(cache: Cache, host: str) -> int:
    if host not in cache.entries:  # bug: others look too while this one opens
        cache.entries[host] = await cache.open()
    return cache.entries[host]


async def connect(cache: Cache, host: str) -> int:
    async with cache.lock:
        return await connect_unguarded(cache, host)


async def use_cache(get: Callable[[Cache, str], Awaitable[int]], cache: Cache) -> None:
    async def client(arrives: float) -> None:
        await trio.sleep(arrives)
        await get(cache, "db")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(client, 0)
        nursery.start_soon(client, 0.1)


def check_cache(cache: Cache) -> None:
    assert cache.opened <= 1, f"{cache.opened} connections were opened to one host"


@dataclass
class Account:
    """A balance, and what was paid into it."""

    balance: int = 0
    paid: int = 0


async def audit() -> None:
    await trio.lowlevel.checkpoint()


async def pay_in_stale(account: Account, amount: int) -> None:
    before = account.balance
    await audit()
    account.balance = before + amount  # bug: the balance may have changed since
    account.paid += amount


async def pay_in(account: Account, amount: int) -> None:
    await audit()
    account.balance += amount
    account.paid += amount


async def bank_day(pay: Callable[[Account, int], Awaitable[None]], account: Account) -> None:
    async def customer(amount: int, queue: int) -> None:
        for _ in range(2):
            await trio.sleep(1)
            for _ in range(queue):
                await trio.lowlevel.checkpoint()
            await pay(account, amount)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(customer, 1, 0)
        nursery.start_soon(customer, 10, 3)
        nursery.start_soon(customer, 100, 6)


def check_account(account: Account) -> None:
    assert account.balance == account.paid, f"{account.balance} of {account.paid} are there"


@dataclass
class Rota:
    """The doctors on call, one of whom must stay."""

    on_call: set[str] = field(default_factory=lambda: {"ada", "bob"})
    lock: trio.Lock = field(default_factory=trio.Lock)


async def go_home_unlocked(rota: Rota, name: str) -> None:
    others = rota.on_call - {name}
    await trio.lowlevel.checkpoint()
    if others:  # bug: true when it was read
        rota.on_call.discard(name)


async def go_home(rota: Rota, name: str) -> None:
    async with rota.lock:
        await go_home_unlocked(rota, name)


async def night(leave: Callable[[Rota, str], Awaitable[None]], rota: Rota) -> None:
    async def doctor(name: str, tired_at: float) -> None:
        await trio.sleep(tired_at)
        await trio.lowlevel.checkpoint()
        await leave(rota, name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(doctor, "ada", 1)
        nursery.start_soon(doctor, "bob", 1.5)
        await trio.sleep(1)
        await leave(rota, "bob")


def check_rota(rota: Rota) -> None:
    assert rota.on_call, "nobody is on call"


@dataclass
class Room:
    """The members of a chat room and what each has been sent."""

    members: dict[str, list[str]] = field(default_factory=dict)


async def announce_live(room: Room, text: str) -> None:
    for inbox in room.members.values():  # bug: members come and go while it waits
        await trio.lowlevel.checkpoint()
        inbox.append(text)


async def announce(room: Room, text: str) -> None:
    for inbox in list(room.members.values()):
        await trio.lowlevel.checkpoint()
        inbox.append(text)


async def chat(say: Callable[[Room, str], Awaitable[None]], room: Room) -> None:
    async def member(name: str, stays: float) -> None:
        room.members[name] = []
        await trio.sleep(stays)
        await say(room, f"{name} leaves")
        del room.members[name]

    async with trio.open_nursery() as nursery:
        for number, name in enumerate("abc"):
            nursery.start_soon(member, name, 1.0 + number)
        await trio.sleep(2)
        for _ in range(6):
            await trio.lowlevel.checkpoint()  # greets the door
        nursery.start_soon(member, "d", 5.0)


BUGS = (
    Bug(
        "check-then-act across a checkpoint",
        program(Cache, partial(use_cache, connect_unguarded), check_cache),
        program(Cache, partial(use_cache, connect), check_cache),
    ),
    Bug(
        "stale read after await",
        program(Account, partial(bank_day, pay_in_stale), check_account),
        program(Account, partial(bank_day, pay_in), check_account),
    ),
    Bug(
        "write skew",
        program(Rota, partial(night, go_home_unlocked), check_rota),
        program(Rota, partial(night, go_home), check_rota),
    ),
    Bug(
        "dict changed while it is iterated",
        program(Room, partial(chat, announce_live)),
        program(Room, partial(chat, announce)),
    ),
)
