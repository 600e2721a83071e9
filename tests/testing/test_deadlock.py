"""Deadlocks in a simulated program.

Doctrine: a deadlock must end as an error that names the schedule, whatever clock runs and however
the tasks are shielded; and a program that can still be woken, by whatever, must be left alone.
"""

from __future__ import annotations

import asyncio
import functools
import re
import socket
import threading
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio.testing import DeadlockError, cancel_at_every_step, seeded_schedule

CLOCKS = {"virtual": lambda: MockClock(autojump_threshold=0), "real": lambda: None}
clocks = pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)


async def wait_for_ever() -> None:
    await trio.Event().wait()


async def wait_behind_a_shield() -> None:
    with trio.CancelScope(shield=True):
        await wait_for_ever()


async def wait_again_when_cancelled() -> None:
    try:
        await wait_for_ever()
    finally:
        await wait_behind_a_shield()


async def wait_in_a_child() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_behind_a_shield)
        nursery.start_soon(wait_for_ever)


async def end_as_if_nothing_had_been() -> None:
    try:
        await wait_for_ever()
    finally:
        raise ValueError("in the way")


DEADLOCKS = [
    wait_for_ever,
    wait_behind_a_shield,
    wait_again_when_cancelled,
    wait_in_a_child,
    end_as_if_nothing_had_been,
]


def notes(error: BaseException) -> str:
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


@clocks
@pytest.mark.parametrize("scenario", DEADLOCKS)
def test_a_deadlock_names_the_seed_and_the_lines_that_wait(
    scenario: Callable[[], Awaitable[None]], clock: Callable[[], MockClock | None]
) -> None:
    with pytest.raises(DeadlockError) as caught, seeded_schedule(7):
        trio.run(scenario, clock=clock())
    assert str(caught.value).startswith("seed 7: all tasks wait")
    assert "in wait_for_ever" in str(caught.value)


@pytest.mark.parametrize("scenario", DEADLOCKS)
def test_a_deadlock_before_the_cancellation_names_its_step(
    scenario: Callable[[], Awaitable[None]],
) -> None:
    with pytest.raises((DeadlockError, ValueError, BaseExceptionGroup)) as caught:
        cancel_at_every_step(scenario, check=lambda: None, seed=3)
    assert re.search(r"task step \d+, seed 3", notes(caught.value))


def test_a_deadlock_that_a_cancellation_causes_is_found_at_its_step() -> None:
    async def scenario() -> None:
        done = trio.Event()
        try:
            await trio.sleep(1)
            done.set()
        finally:
            with trio.CancelScope(shield=True):
                await done.wait()

    with pytest.raises(DeadlockError) as caught:
        cancel_at_every_step(scenario, check=lambda: None)
    assert re.search(r"cancels before task step \d+, seed 0", notes(caught.value))
    with seeded_schedule(0):
        trio.run(scenario, clock=MockClock(autojump_threshold=0))


async def wait_for_a_thread() -> None:
    await trio.to_thread.run_sync(threading.Event().wait, 0.05)


async def wait_for_a_socket() -> None:
    left, right = socket.socketpair()
    with left, right:
        timer = threading.Timer(0.05, right.send, [b"x"])
        timer.start()
        await trio.lowlevel.wait_readable(left)
        timer.join()


async def wait_for_a_foreign_thread() -> None:
    event, token = trio.Event(), trio.lowlevel.current_trio_token()
    timer = threading.Timer(0.05, token.run_sync_soon, [event.set])
    timer.start()
    await event.wait()
    timer.join()


async def wait_for_idleness() -> None:
    event = trio.Event()

    async def set_when_idle() -> None:
        await wait_all_tasks_blocked()
        event.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(set_when_idle)
        await event.wait()


async def wait_for_a_deadline() -> None:
    with trio.move_on_after(0.01):
        await wait_for_ever()


@clocks
@pytest.mark.parametrize(
    "scenario",
    [
        wait_for_a_thread,
        wait_for_a_socket,
        wait_for_a_foreign_thread,
        wait_for_idleness,
        wait_for_a_deadline,
    ],
)
def test_a_program_that_can_be_woken_is_no_deadlock(
    scenario: Callable[[], Awaitable[None]], clock: Callable[[], MockClock | None]
) -> None:
    with seeded_schedule(1):
        trio.run(scenario, clock=clock())


def test_a_guest_that_its_host_can_wake_is_no_deadlock() -> None:
    async def host() -> str:
        loop = asyncio.get_running_loop()
        ended = loop.create_future()

        async def guest() -> str:
            event = trio.Event()
            loop.call_later(0.05, event.set)
            await event.wait()
            return "woken"

        with seeded_schedule(1):
            trio.lowlevel.start_guest_run(
                guest,
                run_sync_soon_threadsafe=loop.call_soon_threadsafe,
                done_callback=ended.set_result,
            )
            return str((await ended).unwrap())

    assert asyncio.run(host()) == "woken"


def test_a_loop_outside_the_block_is_not_watched() -> None:
    set_up = trio._core._run.setup_runner
    with pytest.raises(ZeroDivisionError) as caught, seeded_schedule(4):
        _ = 1 // 0
    assert caught.value.__notes__ == ["seed 4"]
    assert trio._core._run.setup_runner is set_up


def test_a_failing_scenario_or_check_names_step_and_seed() -> None:
    async def failing() -> None:
        await trio.lowlevel.checkpoint()
        raise ValueError("scenario")

    def check() -> None:
        rounds.append(1)
        assert len(rounds) < 3

    async def sound() -> None:
        for _ in range(9):
            await trio.lowlevel.checkpoint()

    rounds: list[int] = []
    with pytest.raises(ValueError, match="scenario") as failed:
        cancel_at_every_step(failing, check=lambda: None, seed=5)
    assert re.search(r"task step \d+, seed 5", notes(failed.value))
    with pytest.raises(AssertionError) as harmed:
        cancel_at_every_step(sound, check=check, seed=5)
    assert "cancels before task step 3, seed 5" in notes(harmed.value)


async def nothing() -> None:
    pass


async def async_check(expected: int = 0) -> None:
    assert expected == 1


class AsyncCall:
    async def __call__(self) -> None:
        raise AssertionError


@pytest.mark.parametrize(
    "check",
    [async_check, functools.partial(async_check, 1), lambda: async_check(2), AsyncCall()],
    ids=["function", "partial", "lambda", "object"],
)
def test_an_async_check_is_refused_with_a_sentence(check: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match="check is async, but it is called after each round"):
        cancel_at_every_step(nothing, check=check)


def test_a_scenario_that_is_not_async_is_refused_with_a_sentence() -> None:
    with pytest.raises(TypeError, match="scenario must be an async function"):
        cancel_at_every_step(lambda: None, check=lambda: None)  # type: ignore[arg-type,return-value]  # the mistake is the test
