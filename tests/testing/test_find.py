"""Finding what breaks a program.

Doctrine: every kind of fault is planted and must be found by every strategy that can see it, with
few deviations; and a sound program must be left alone by all of them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple

import anyio
import anyio.lowlevel
import pytest
import trio
from support.broken_programs import (
    Program,
    dining,
    fragile_sender,
    hasty_timeout,
    lost_update,
    open_generator,
    poll_for_ever,
    sound,
    unshielded_commit,
)
from trio.testing import memory_stream_pair

from glowback_trio.testing.sim import (
    DeadlockError,
    LeakError,
    LivelockError,
    assert_deterministic,
    choose,
    explore,
    fault_point,
    find,
    replay,
)

STRATEGIES = ("random", "pct", "exhaustive")


class Planted(NamedTuple):
    """A faulty program, the faults that it needs to fail, and what must be found in it."""

    program: Callable[[], Program]
    faults: tuple[str, ...]
    kind: str
    error: type[BaseException]
    deviations: int


PLANTED = [
    Planted(lost_update, (), "check", AssertionError, 2),
    Planted(dining, (), "deadlock", DeadlockError, 2),
    Planted(unshielded_commit, ("cancel",), "check", AssertionError, 1),
    Planted(fragile_sender, ("broken",), "error", ExceptionGroup, 1),
    Planted(fragile_sender, ("closed",), "error", ExceptionGroup, 1),
    Planted(hasty_timeout, ("timeout",), "check", AssertionError, 1),
    Planted(open_generator, (), "leak", LeakError, 0),
]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("planted", PLANTED, ids=lambda each: each.program.__name__)
def test_a_planted_fault_is_found_with_few_deviations(planted: Planted, strategy: str) -> None:
    finding = find(*planted.program(), strategy=strategy, faults=planted.faults)
    assert finding is not None
    assert finding.kind == planted.kind
    assert isinstance(finding.exception, planted.error)
    assert finding.deviations <= planted.deviations
    assert finding.token in str(finding)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_sound_program_is_left_alone(strategy: str) -> None:
    program = sound()
    assert find(*program, strategy=strategy, rounds=300, faults=("cancel", "slow")) is None


def test_a_program_that_polls_for_ever_is_a_livelock() -> None:
    finding = find(*poll_for_ever(), max_steps=500)
    assert finding is not None
    assert finding.kind == "livelock"
    assert isinstance(finding.exception, LivelockError)
    assert "500 task steps" in str(finding)


def test_a_program_that_sleeps_for_ever_is_a_livelock() -> None:
    async def tick() -> None:
        for _ in count():
            await trio.sleep(60)

    finding = find(tick, max_virtual_s=3600)
    assert finding is not None
    assert finding.kind == "livelock"
    assert "3600 virtual seconds" in str(finding)


def test_polling_starves_nobody() -> None:
    async def scenario() -> None:
        done = trio.Event()

        async def work() -> None:
            for _ in range(5):
                await trio.lowlevel.checkpoint()
            done.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            while not done.is_set():
                await trio.lowlevel.checkpoint()

    for strategy in STRATEGIES:
        assert find(scenario, strategy=strategy, rounds=200, max_steps=2000) is None


def test_an_exhaustive_search_says_whether_it_has_covered_its_space() -> None:
    program = sound()
    whole = explore(*program, strategy="exhaustive", max_deviations=1, faults=("cancel",))
    assert whole.covered
    assert f"{whole.rounds} rounds: that is all rounds with at most 1 deviations" in str(whole)
    part = explore(*program, strategy="exhaustive", max_deviations=1, rounds=whole.rounds - 1)
    cut = explore(*program, strategy="exhaustive", faults=("cancel",), rounds=whole.rounds - 1)
    assert part.covered  # without the faults the space is smaller
    assert not cut.covered
    assert not explore(*program, rounds=10).covered


def test_a_report_names_the_fault_the_await_and_the_waiting_tasks() -> None:
    finding = find(*dining())
    assert finding is not None
    report = str(finding)
    assert report.startswith("The scenario comes to a deadlock")
    assert re.search(r"dine \(task \d\) waits at .*in dine \(Lock.acquire\), for", report)
    assert "broken_programs.py" in report
    assert "for support.broken_programs.dining" in report
    assert f"replay(scenario, {finding.token!r})" in report
    cancelled = find(*unshielded_commit(), faults=("cancel",))
    assert cancelled is not None
    assert (
        "the scenario is cancelled\n    it hits support.broken_programs.unshielded_commit"
        in str(cancelled)
    )
    assert "in scenario (sleep)" in str(cancelled)


def test_the_nearest_passing_round_parts_from_the_failing_one() -> None:
    finding = find(*lost_update())
    assert finding is not None
    assert finding.passing is not None
    assert len(finding.failing.steps) == finding.steps
    assert 1 <= finding.parted_at <= finding.steps
    assert finding.passing.ended == ""
    assert finding.failing.ended == "check"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"strategy": "lucky"}, "strategy must be one of random, pct, exhaustive"),
        ({"faults": ("flood",)}, "what stands in faults must be one of cancel, timeout"),
        ({"faults": "cancel"}, "faults must be several names"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        find(*sound(), **arguments)  # type: ignore[arg-type] # that is what is tested


def test_a_function_in_a_thread_is_one_step_and_time_waits_for_it() -> None:
    log: list[str] = []

    def work(name: str) -> None:
        log.append(f"{name} begins")
        trio.from_thread.run(trio.sleep, 1)
        trio.from_thread.run_sync(log.append, f"{name} ends")

    async def scenario() -> None:
        log.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, work, "left")
            nursery.start_soon(trio.to_thread.run_sync, work, "right")
            await trio.sleep(0.5)
            log.append("half")

    orders: set[tuple[str, ...]] = set()
    assert find(scenario, lambda: orders.add(tuple(log)), rounds=50) is None
    starts = {("left begins", "right begins"), ("right begins", "left begins")}
    assert {order[:2] for order in orders} == starts
    assert {order[2] for order in orders} == {"half"}
    assert {order[3:] for order in orders} == {
        ("left ends", "right ends"),
        ("right ends", "left ends"),
    }
    assert_deterministic(scenario, seed=5)


def test_a_thread_that_a_cancelled_task_abandons_is_no_leak_once_it_ends() -> None:
    async def scenario() -> None:
        await trio.to_thread.run_sync(int, abandon_on_cancel=True)
        await trio.sleep(1)

    assert find(scenario, rounds=30, faults=("cancel",)) is None


def test_who_wants_to_stop_is_let_through() -> None:
    async def scenario() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find(scenario)


def test_a_simulation_cannot_begin_inside_a_trio_program() -> None:
    async def main() -> None:
        find(*sound())

    with pytest.raises(RuntimeError, match="cannot begin inside a trio program"):
        trio.run(main)


def test_tasks_that_swallow_every_cancellation_are_given_up_in_silence(
    recwarn: pytest.WarningsRecorder,
) -> None:
    async def stay() -> None:
        while True:
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                await trio.lowlevel.cancel_shielded_checkpoint()

    async def scenario() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stay)
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.Event().wait()

    finding = find(scenario)
    assert finding is not None
    assert finding.kind == "deadlock"
    assert finding.steps == 2
    assert not list(recwarn)


def test_a_thread_that_asks_a_loop_which_is_deadlocked_is_let_go() -> None:
    ended = threading.Event()

    def work(event: trio.Event) -> None:
        try:
            trio.from_thread.run(event.wait)
        finally:
            ended.set()

    async def scenario() -> None:
        await trio.to_thread.run_sync(work, trio.Event())

    finding = find(scenario)
    assert finding is not None
    assert finding.kind == "deadlock"
    assert ended.wait(10)


def test_an_anyio_program_is_simulated_as_it_is() -> None:
    async def dine(left: anyio.Lock, right: anyio.Lock, late: int) -> None:
        for _ in range(late):
            await anyio.lowlevel.checkpoint()
        async with left, right:
            await anyio.sleep(1)

    async def scenario() -> None:
        one, other = anyio.Lock(), anyio.Lock()
        async with anyio.create_task_group() as group:
            group.start_soon(dine, one, other, 0)
            group.start_soon(dine, other, one, 8)

    finding = find(scenario, faults=("slow",))
    assert finding is not None
    assert finding.kind == "deadlock"
    assert finding.deviations == 1
    assert "in dine (Lock.acquire), for" in str(finding)


def test_a_virtual_device_takes_part_with_operations_and_choices() -> None:
    lost: list[int] = []

    async def scenario() -> None:
        lost.clear()
        for number in range(4):
            with suppress(trio.BrokenResourceError):
                fault_point("write a block", "broken")
                lost.extend([number] * (choose(3, "blocks written") // 2))
                continue
            lost.append(number)

    for strategy in STRATEGIES:
        drawn = find(scenario, lambda: lost and 1 / 0, strategy=strategy)
        assert drawn is not None
        assert drawn.deviations == 1
        assert "a choice falls on 2 of 3: blocks written" in str(drawn)
        failed = find(scenario, lambda: 3 in lost and 1 / 0, strategy=strategy, faults=("broken",))
        assert failed is not None
        with pytest.raises(ZeroDivisionError):
            replay(scenario, failed.token, lambda: 3 in lost and 1 / 0)
    fault_point("write a block", "broken")
    assert choose(3) == 0


def test_no_fault_jumps_to_a_deadline_that_is_too_far_away() -> None:
    async def scenario() -> None:
        with trio.move_on_after(10**9):
            for _ in range(5):
                await trio.sleep(1)

    for strategy in STRATEGIES:
        assert find(scenario, strategy=strategy, rounds=100, faults=("slow", "timeout")) is None


def test_an_exhaustive_search_with_enough_deviations_takes_every_order() -> None:
    log: list[str] = []
    orders: set[str] = set()

    async def turn(name: str) -> None:
        for _ in range(3):
            log.append(name)
            await trio.lowlevel.checkpoint()

    async def scenario() -> None:
        log.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(turn, "a")
            nursery.start_soon(turn, "b")

    search = explore(
        scenario, lambda: orders.add("".join(log)), strategy="exhaustive", max_deviations=6
    )
    assert search.covered
    assert len(orders) == 20  # the ways to choose three of six turns


@pytest.mark.parametrize("strategy", ["random", "pct"])
def test_a_deadlock_of_four_philosophers_is_shrunk_to_three_deviations(strategy: str) -> None:
    async def dine(left: trio.Lock, right: trio.Lock, late: int) -> None:
        for _ in range(late):
            await trio.lowlevel.checkpoint()
        async with left, right:
            await trio.lowlevel.checkpoint()

    async def scenario() -> None:
        forks = [trio.Lock() for _ in range(4)]
        async with trio.open_nursery() as nursery:
            for seat in range(4):
                nursery.start_soon(dine, forks[seat], forks[(seat + 1) % 4], 2 * seat)

    finding = find(scenario, strategy=strategy)
    assert finding is not None
    assert finding.kind == "deadlock"
    assert finding.deviations <= 3
    with pytest.raises(DeadlockError):
        replay(scenario, finding.token)


@pytest.mark.parametrize("fault", ["closed", "broken"])
def test_an_operation_on_a_stream_in_memory_can_fail(fault: str) -> None:
    async def scenario() -> None:
        left, right = memory_stream_pair()
        async with left, right:
            await left.send_all(b"x")
            await right.receive_some(1)

    finding = find(scenario, faults=(fault,))
    assert finding is not None
    assert finding.deviations == 1
    assert "it hits send into a stream" in str(finding)


def test_the_report_of_a_group_names_every_exception_in_it() -> None:
    async def fail(error: Exception) -> None:
        raise error

    async def scenario() -> None:
        async with trio.open_nursery() as outer, trio.open_nursery() as inner:
            inner.start_soon(fail, ValueError("the queue is full"))
            inner.start_soon(fail, KeyError("b"))
            outer.start_soon(fail, OSError())

    finding = find(scenario)
    assert finding is not None
    assert str(finding).startswith(
        "The scenario raises ExceptionGroup: Exceptions from Trio nursery (2 sub-exceptions)\n"
        "  OSError\n  ValueError: the queue is full\n  KeyError: 'b'\n(after "
    ), str(finding)


@pytest.mark.parametrize("name", ["rounds", "max_steps", "max_lines", "max_virtual_s"])
@pytest.mark.parametrize("value", [0, -1, "10", float("nan")])
def test_a_number_of_nothing_is_refused_before_the_first_round(name: str, value: object) -> None:
    async def scenario() -> None:
        raise AssertionError("a round has begun")

    given: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"{name} must be a .*number.*, and is {value!r}"):
        find(scenario, **given)


def test_a_bound_below_no_deviation_is_refused() -> None:
    with pytest.raises(ValueError, match="max_deviations must be a whole number from 0, and is -1"):
        explore(trio.lowlevel.checkpoint, strategy="exhaustive", max_deviations=-1)


@pytest.mark.parametrize(
    "scenario",
    [lambda: None, trio.sleep, 3, "scenario"],
    ids=["sync", "with an argument", "a number", "a name"],
)
def test_what_is_no_scenario_is_no_finding_but_a_mistake(scenario: Any) -> None:
    async def fail() -> None:
        raise ValueError

    failing = find(fail)
    assert failing is not None
    token = failing.token
    for look in (find, assert_deterministic, lambda given: replay(given, token)):
        with pytest.raises(TypeError, match="scenario must be an async function without arguments"):
            look(scenario)


def test_a_scenario_that_is_called_already_is_refused() -> None:
    async def scenario() -> None: ...

    with pytest.raises(TypeError, match=r"not called yet, as in find\(scenario\)"):
        find(scenario())  # type: ignore[arg-type]  # the mistake is the test


def test_a_check_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="check must be a plain function"):
        find(trio.lowlevel.checkpoint, 3)  # type: ignore[arg-type]  # the mistake is the test


def test_a_report_says_when_a_slow_task_lets_time_pass() -> None:
    async def scenario() -> None:
        with trio.fail_after(100):
            await trio.sleep(1)

    finding = find(scenario, faults=("slow",))
    assert finding is not None
    assert str(finding).startswith("The scenario raises TooSlowError\n")
    assert "here: at 100 s " in str(finding)
    assert "there: at 1 s " in str(finding)
