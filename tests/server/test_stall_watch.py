"""The watchdog: a task that holds the loop is told of with its stack, and one that waits is not.

Doctrine: a real clock, and tasks that hold the loop for a number of seconds of processor time, so
that a slow machine only makes stalls longer.
"""

from __future__ import annotations

import logging
import threading
import time

import httpx2
import pytest
import trio
from support.served import Serve
from support.stalls import stalls_in_log

from glowback_trio.server.observability.logs import logging_to
from glowback_trio.server.observability.stall_watch import Stall, watching_loop
from glowback_trio.server.settings import Settings

THRESHOLD_S = 0.02


def hold_the_loop(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@pytest.fixture
def told() -> list[Stall]:
    return []


async def test_a_task_that_holds_the_loop_is_told_of_with_its_stack(told: list[Stall]) -> None:
    with watching_loop(THRESHOLD_S, told.append):
        await trio.lowlevel.checkpoint()
        hold_the_loop(0.3)
        await trio.lowlevel.checkpoint()
    [stall] = [each for each in told if each.cpu_s >= 0.3]
    assert stall.held_s >= 0.3
    assert [each for each in stall.stack if each.endswith(" hold_the_loop")]
    assert "hold_the_loop" in str(stall)


async def test_time_in_which_the_loop_is_held_without_work_is_not_processor_time(
    told: list[Stall],
) -> None:
    with watching_loop(THRESHOLD_S, told.append):
        await trio.lowlevel.checkpoint()
        _block(0.1)
        await trio.lowlevel.checkpoint()
    [stall] = [each for each in told if each.held_s >= 0.1]
    assert stall.cpu_s < 0.1


def _block(seconds: float) -> None:
    """Hold the loop without work, as a disk that does not respond would."""
    threading.Event().wait(seconds)


async def test_a_loop_that_waits_is_not_held(told: list[Stall]) -> None:
    with watching_loop(THRESHOLD_S, told.append):
        await trio.to_thread.run_sync(_block, 0.1)
    assert not [each for each in told if each.cpu_s >= THRESHOLD_S]


async def test_few_stalls_of_a_minute_are_logged_and_all_are_counted(
    told: list[Stall], caplog: pytest.LogCaptureFixture
) -> None:
    with watching_loop(0.001, told.append):
        for _ in range(30):
            await trio.lowlevel.checkpoint()
            hold_the_loop(0.002)
        await trio.lowlevel.checkpoint()
    assert len(told) >= 30
    lines = [record for record in caplog.records if hasattr(record, "stall")]
    assert len(lines) == 10


async def test_no_thread_is_started_where_nothing_is_to_be_logged(told: list[Stall]) -> None:
    with watching_loop(0, told.append):
        await trio.lowlevel.checkpoint()
        hold_the_loop(0.05)
        await trio.lowlevel.checkpoint()
    assert told == []


def test_a_log_tells_of_stalls_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    ours = Stall(0.3, 0.2, ["glowback_trio.server.app:1 f"])
    others = [Stall(0.3, 0.05, ours.stack), Stall(0.3, 0.2, ["test_something:1 f"])]
    log = logging.getLogger("glowback_trio.server.observability.stall_watch")
    with logging_to(Settings()):
        for each in (ours, *others):
            fields = {"held": each.held_s, "cpu": each.cpu_s, "stack": each.stack}
            log.warning("%s", each, extra={"access": fields})
    assert len(stalls_in_log(capsys.readouterr().err)) == 1


async def test_a_server_counts_its_stalls(serve_with: Serve) -> None:
    url = await serve_with(stall_log_ms=THRESHOLD_S * 1000)
    async with httpx2.AsyncClient(base_url=url) as http:
        await http.get("/healthz")
        hold_the_loop(0.06)
        text = (await http.get("/metrics")).text
    counts = [line for line in text.splitlines() if "loop_stall_seconds_count" in line]
    assert [float(line.split()[-1]) >= 1 for line in counts] == [True]


async def test_a_watchdog_that_fails_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_stall: Stall) -> None:
        raise MemoryError

    with watching_loop(THRESHOLD_S, fail):
        await trio.lowlevel.checkpoint()
        _block(0.1)
        await trio.lowlevel.checkpoint()
    assert "MemoryError" in caplog.text
