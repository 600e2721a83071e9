"""Waits for a database that stands still end in time, and those that send much have more of it.

Doctrine: here time is virtual, and cuts are noted. That a cut ends a wait in a thread is seen on
real servers, in `test_postgres_store.py`.
"""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from glowback_trio.store.postgres import cutting
from glowback_trio.store.postgres.cutting import PATIENCE_S, Watch


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When connections were cut."""
    noted: list[float] = []
    monkeypatch.setattr(cutting, "cut", lambda _connection: noted.append(trio.current_time()))
    return noted


@pytest.mark.parametrize(("size", "patience_s"), [(0, PATIENCE_S), (20_000_000, PATIENCE_S + 20)])
async def test_a_wait_is_cut_when_its_time_is_over(
    size: int, patience_s: float, cuts: list[float], autojump_clock: MockClock
) -> None:
    watch = Watch()
    async with watch.running():
        began = trio.current_time()
        with watch.over(lambda: None, size):
            await trio.sleep(patience_s - 0.1)
            assert not cuts
            await trio.sleep(60)
    assert patience_s <= cuts[0] - began <= patience_s + PATIENCE_S / 4


async def test_a_wait_that_is_over_is_not_cut(cuts: list[float], autojump_clock: MockClock) -> None:
    watch = Watch()
    async with watch.running():
        for _ in range(10):
            with watch.over(lambda: None):
                await trio.sleep(PATIENCE_S - 1)
    assert not cuts


async def test_a_wait_is_cut_though_everything_around_it_was_cancelled(
    cuts: list[float], autojump_clock: MockClock
) -> None:
    watch = Watch()
    with trio.move_on_after(1):
        async with watch.running():
            with watch.over(lambda: None), trio.CancelScope(shield=True):
                await trio.sleep(PATIENCE_S * 2)
    assert cuts
