"""What a program must not read inside a simulation.

Doctrine: each way to the wall clock, to entropy and to sockets is tried as programs write it, by
module and by name; it must trip with the line, unless it is allowed, and then give the same in
every round. Outside a simulation nothing is changed.
"""

# ruff: noqa: PLW0108 - a lambda looks a name up when it is called, as a program does

from __future__ import annotations

import datetime as dt
import os
import random
import re
import secrets
import socket
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
import trio

from glowback_trio.testing.sim import BusyError, EscapeError, explore, find, replay


def open_socket() -> None:
    socket.socket().close()


READS: dict[str, tuple[str, Callable[[], Any]]] = {
    "time.time": ("clock", lambda: time.time()),
    "time.time_ns": ("clock", lambda: time.time_ns()),
    "monotonic by name": ("clock", lambda: monotonic()),
    "datetime.now": ("clock", lambda: dt.datetime.now(UTC)),
    "datetime.today": ("clock", lambda: dt.datetime.today()),  # noqa: DTZ002 - it is tried
    "date.today by name": ("clock", lambda: date.today()),  # noqa: DTZ011 - it is tried
    "os.urandom": ("entropy", lambda: os.urandom(8)),
    "random.random": ("entropy", lambda: random.random()),
    "random.choice": ("entropy", lambda: random.choice(range(10**9))),
    "uuid.uuid4": ("entropy", lambda: uuid.uuid4()),
    "uuid4 by name": ("entropy", lambda: uuid4()),
    "secrets.token_hex": ("entropy", lambda: secrets.token_hex()),
    "socket.socket": ("sockets", open_socket),
}
reads = pytest.mark.parametrize("name", READS)


@reads
def test_what_a_program_reads_from_outside_trips_with_the_line(name: str) -> None:
    subject, read = READS[name]

    async def scenario() -> None:
        await trio.sleep(1)
        read()

    finding = find(scenario)
    assert finding is not None
    assert finding.kind == "escape"
    assert isinstance(finding.exception, EscapeError)
    assert "test_tripwires.py" in str(finding)
    assert f"allow=({subject!r},)" in str(finding)
    with pytest.raises(EscapeError):
        replay(scenario, finding.token)


@reads
def test_what_is_allowed_is_the_same_in_every_round(name: str) -> None:
    subject, read = READS[name]
    seen: set[str] = set()

    async def scenario() -> None:
        await trio.sleep(1)
        seen.add(repr(read()))

    assert find(scenario, rounds=3, allow=(subject,)) is None
    assert len(seen) == 1


@pytest.mark.parametrize(
    "make",
    [trio.socket.socket, lambda: socket.socketpair(), trio.socket.socketpair],
    ids=["trio's", "a pair", "trio's pair"],
)
def test_a_socket_that_another_package_opens_trips_too(make: Callable[[], object]) -> None:
    async def scenario() -> None:
        make()

    finding = find(scenario)
    assert finding is not None
    assert finding.kind == "escape"
    assert "opens a real socket" in str(finding)
    assert "test_tripwires.py" in str(finding)


@reads
def test_what_a_worker_thread_reads_trips_too(name: str) -> None:
    subject, read = READS[name]

    async def scenario() -> None:
        await trio.to_thread.run_sync(read)

    finding = find(scenario)
    assert finding is not None
    assert finding.kind == "escape"
    assert "test_tripwires.py" in str(finding)
    assert find(scenario, rounds=2, allow=(subject,)) is None


def test_an_escape_that_the_program_swallows_is_found() -> None:
    async def scenario() -> None:
        with suppress(AssertionError):
            random.random()

    finding = find(scenario)
    assert finding is not None
    assert finding.kind == "escape"


def test_virtual_dates_begin_with_2024_and_go_with_the_clock() -> None:
    seen: list[dt.datetime] = []

    async def scenario() -> None:
        await trio.sleep(90)
        now = dt.datetime.now(UTC)
        assert isinstance(now, dt.datetime)
        assert now.timestamp() == time.time()
        seen.append(now)

    assert find(scenario, rounds=1, allow=("clock",)) is None
    assert seen == [dt.datetime(2024, 1, 1, 0, 1, 30, tzinfo=UTC)]


def test_a_generator_with_a_seed_is_no_entropy() -> None:
    async def scenario() -> None:
        random.Random(1).random()
        random.seed(1)
        assert random.random() == 0.13436424411240122
        await trio.sleep(1)

    state = random.getstate()
    assert find(scenario, rounds=3) is None
    assert random.getstate() == state


def test_nothing_is_changed_afterwards() -> None:
    before = (time.time, monotonic, dt, date, os.urandom, uuid4, socket.socket.__init__)
    assert find(trio.lowlevel.checkpoint, rounds=2) is None
    after = (time.time, monotonic, dt, date, os.urandom, uuid4, socket.socket.__init__)
    assert before == after
    assert type(dt.datetime.now(UTC)) is dt.datetime


def test_an_endless_loop_without_a_checkpoint_is_found_when_asked_for() -> None:
    async def scenario() -> None:
        sender, receiver = trio.open_memory_channel[int](0)
        with sender, receiver:
            numbers = iter(range(10**9))
            for number in numbers:
                if number < 0:
                    await sender.send(number)

    search = explore(scenario, max_lines=5000)
    assert search.finding is not None
    assert search.finding.kind == "busy"
    assert "more than 5,000 lines without a checkpoint" in str(search.finding)
    with pytest.raises(BusyError, match="test_tripwires"):
        replay(scenario, search.finding.token)


def test_a_loop_with_checkpoints_is_within_the_budget() -> None:
    async def scenario() -> None:
        for _ in range(200):
            await trio.lowlevel.checkpoint()

    assert find(scenario, rounds=3, max_lines=50) is None


def test_what_cannot_be_allowed_is_named() -> None:
    with pytest.raises(ValueError, match="must be one of clock, entropy, sockets"):
        find(trio.lowlevel.checkpoint, allow=("weather",))


def test_a_socket_that_trio_opens_in_a_task_of_its_own_is_told_by_who_waits_for_it() -> None:
    async def scenario() -> None:
        await trio.open_tcp_stream("127.0.0.1", 9)

    finding = find(scenario, rounds=1)
    assert finding is not None
    assert finding.kind == "escape"
    place = r"socket\.socket at .*test_tripwires\.py:\d+ in scenario \(open_tcp_stream\)"
    assert re.search(place, str(finding)), str(finding)
