"""Tokens.

Doctrine: a token repeats the same steps in this process, in another one, with another hash seed and
on another Python; and a token that does not fit says so, whatever is wrong with it.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from support.broken_programs import (
    Program,
    dining,
    lost_update,
    poll_for_ever,
    sound,
    unshielded_commit,
)

from glowback_trio.testing.sim import (
    DeadlockError,
    Finding,
    LivelockError,
    StaleTokenError,
    assert_deterministic,
    find,
    replay,
)

HERE = Path(__file__).parent


def found(program: Program, **arguments: object) -> Finding:
    finding = find(*program, **arguments)  # type: ignore[arg-type] # passed on
    assert finding is not None
    return finding


@pytest.mark.parametrize(
    ("program", "arguments", "error"),
    [
        (lost_update, {}, AssertionError),
        (dining, {"strategy": "pct"}, DeadlockError),
        (unshielded_commit, {"faults": ("cancel",)}, AssertionError),
        (poll_for_ever, {"max_steps": 300}, LivelockError),
    ],
)
def test_a_replay_raises_what_was_found(
    program: Callable[[], Program], arguments: dict[str, object], error: type[BaseException]
) -> None:
    scenario, check = program()
    finding = found(Program(scenario, check), **arguments)
    with pytest.raises(error) as caught:
        replay(scenario, finding.token, check)
    assert type(caught.value) is type(finding.exception)
    assert str(caught.value) == str(finding.exception)


def rounds_of(strategy: str) -> str:
    """Run many rounds with all faults; return a checksum over what happened in which order.

    Tasks are woken out of sets: by one event, by one deadline, by one cancellation.
    """
    order: list[tuple[int, float]] = []
    digest = hashlib.sha256()

    async def wait(number: int, event: trio.Event, lock: trio.Lock) -> None:
        try:
            await event.wait()
            order.append((number, trio.current_time()))
            await trio.sleep(1)
            async with lock:
                order.append((number, trio.current_time()))
            await trio.to_thread.run_sync(order.append, (number, 0.5))
            await trio.sleep(number * 10)
        finally:
            order.append((number, trio.current_time()))

    async def scenario() -> None:
        order.clear()
        event, lock = trio.Event(), trio.Lock()
        with trio.move_on_after(5):
            async with trio.open_nursery() as nursery:
                for number in range(8):
                    nursery.start_soon(wait, number, event, lock)
                await trio.sleep(1)
                event.set()

    def check() -> None:
        digest.update(repr(order).encode())
        lengths.append(len(order))
        assert len(lengths) <= 40 or order[:1] != [(5, 1.0)]

    lengths: list[int] = []
    finding = found(
        Program(scenario, check), strategy=strategy, faults=("cancel", "timeout", "slow"), seed=3
    )
    return f"{finding.rounds} {digest.hexdigest()[:16]} {finding.token}"


def pythons() -> list[str]:
    """Return this Python, and others that have trio."""
    wanted = os.environ.get("SIM_PYTHONS", "").split(":")
    found_there = [shutil.which(each) for each in wanted if each]
    return [sys.executable, *(each for each in found_there if each)]


#: What this trio gives on every Python. Another trio may take other steps, and change all three.
GOLDEN = {
    "random": "49 d0c94d9cffe8d50d sim1_random_3_check_11r5n8_59_s100000v86400_a72ed193_e015",
    "pct": "52 40eed9bc47e4e306 sim1_pct_3_check_11r5n8_59_s100000v86400_a72ed193_7306",
    "exhaustive": (
        "209 2e25e1824f908d9f sim1_exhaustive_3_check_11r5n8_59_s100000v86400_a72ed193_76dd"
    ),
}


@pytest.mark.parametrize("strategy", GOLDEN)
def test_many_rounds_are_the_same_on_every_python(strategy: str) -> None:
    assert rounds_of(strategy) == GOLDEN[strategy]


@pytest.mark.parametrize("python", pythons())
@pytest.mark.parametrize("salt", ["0", "1"])
def test_many_rounds_are_the_same_in_another_process(python: str, salt: str) -> None:
    code = "from test_replay import rounds_of; print(rounds_of('random'))"
    ended = subprocess.run(
        [python, "-c", code],
        env={
            "PYTHONPATH": ":".join([str(HERE), str(HERE.parent), str(HERE.parents[1])])
            + (":" + ":".join(sys.path) if python == sys.executable else ""),
            "PYTHONHASHSEED": salt,
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ended.stdout.strip() == rounds_of("random")


def test_a_damaged_token_is_refused() -> None:
    finding = found(lost_update())
    with pytest.raises(StaleTokenError, match="damaged"):
        replay(*lost_update()[:1], finding.token[:-1])
    with pytest.raises(StaleTokenError, match="begins with sim1_"):
        replay(*lost_update()[:1], "dt1-whatever")


def test_a_token_that_does_not_fit_the_program_says_so() -> None:
    finding = found(lost_update())
    scenario, check = sound()
    with pytest.raises(StaleTokenError, match="does not fit the program"):
        replay(scenario, finding.token, check)


def test_a_program_that_is_mended_passes_where_it_takes_the_same_steps() -> None:
    scenario, check = unshielded_commit()
    finding = found(Program(scenario, check), faults=("cancel",))
    replay(scenario, finding.token, lambda: None)


def test_what_a_check_has_found_cannot_be_replayed_without_it() -> None:
    finding = found(lost_update())
    assert str(finding).endswith(f"replay(scenario, {finding.token!r}, check)")
    with pytest.raises(TypeError, match="without it the round would pass"):
        replay(lost_update().scenario, finding.token)


def test_what_the_simulation_does_not_decide_is_found() -> None:
    async def scenario() -> None:
        await trio.sleep(random.random())
        await trio.sleep(1)

    assert_deterministic(sound().scenario, seed=3)
    with pytest.raises(AssertionError, match="differ from step 2 on"):
        assert_deterministic(scenario)
