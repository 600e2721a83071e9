"""What a round leaves behind.

Doctrine: each kind of thing is left behind once and must be named; each is also used as it should
be, and must not be.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
import trio

from glowback_trio.testing.sim import LeakError, find, replay

Scenario = Callable[[], Awaitable[None]]

#: What the programs below have left, for the tests to end it.
left: list[Callable[[], object]] = []


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    while left:
        left.pop()()


async def leave_a_task() -> None:
    trio.lowlevel.spawn_system_task(trio.sleep_forever, name="watcher")


async def leave_a_generator() -> None:
    numbers = _numbers()
    left.append(numbers.__repr__)  # somebody still holds it
    async for _ in numbers:
        break


async def _numbers() -> AsyncGenerator[int, None]:
    yield 1
    yield 2


async def leave_a_file() -> None:
    descriptor = os.open(__file__, os.O_RDONLY)
    left.append(lambda: os.close(descriptor))


async def leave_a_pipe() -> None:
    left.extend(functools.partial(os.close, each) for each in os.pipe())


async def leave_a_thread() -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="forgotten")
    thread.start()
    left.extend((thread.join, end.set))  # the last first


async def leave_a_process() -> None:
    process = subprocess.Popen(  # noqa: ASYNC220 - that is the fault
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE
    )
    left.append(process.wait)
    left.append(process.stdin.close)  # type: ignore[union-attr] # it is a pipe


async def drop_a_file() -> None:
    open(__file__)  # noqa: ASYNC230, PTH123, SIM115 - that is the fault


@pytest.mark.parametrize(
    ("scenario", "name"),
    [
        (leave_a_task, "task watcher, which waits at"),
        (leave_a_generator, "async generator _numbers, which nobody closed"),
        (leave_a_file, f"file {__file__}"),
        (leave_a_pipe, "file pipe:"),
        (leave_a_thread, "thread forgotten"),
        (leave_a_process, "process "),
        (drop_a_file, "unclosed file"),
    ],
)
def test_what_is_left_behind_is_named(scenario: Scenario, name: str) -> None:
    finding = find(scenario, rounds=1)
    assert finding is not None
    assert finding.kind == "leak"
    assert name in str(finding)
    with pytest.raises(LeakError):
        replay(scenario, finding.token)


def test_a_generator_that_has_ended_is_no_leak_though_a_traceback_keeps_it() -> None:
    kept: list[object] = []

    async def scenario() -> None:
        async with aclosing(_numbers()) as numbers:
            kept.append(numbers)
            await anext(numbers)

    assert find(scenario, rounds=3) is None


async def use_everything(path: Path) -> None:
    async with await trio.open_file(path, "w") as file:
        await file.write("text")
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    await trio.to_thread.run_sync(int)
    await trio.run_process([sys.executable, "-c", ""])


def test_what_is_ended_is_no_leak(tmp_path: Path) -> None:
    async def scenario() -> None:
        await use_everything(tmp_path / "file")

    assert find(scenario, rounds=3) is None


def test_a_leak_that_needs_a_cancellation_is_found() -> None:
    async def scenario() -> None:
        descriptor = os.open(__file__, os.O_RDONLY)
        left.append(lambda: os.close(descriptor))
        await trio.sleep(1)
        left.pop()()

    finding = find(scenario, faults=("cancel",))
    assert finding is not None
    assert finding.kind == "leak"
    assert finding.deviations == 1
