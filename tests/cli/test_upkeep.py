"""The upkeep of a serving process: a collection never visits what an earlier one has kept.

Doctrine: what a collection visits is what `gc.get_objects` lists, and not how long it takes.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from weakref import ref

import pytest
import trio
from trio.testing import MockClock

from glowback_trio.cli import upkeep
from glowback_trio.cli.upkeep import collecting_shortly, give_back_for_ever
from glowback_trio.memory import Memory


class Node:
    """Something that can be in a cycle."""

    other: Node


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = gc.get_threshold(), list(gc.callbacks), gc.get_freeze_count()
    yield
    assert (gc.get_threshold(), gc.callbacks, gc.get_freeze_count()) == before


def test_what_a_full_collection_has_kept_is_not_visited_again() -> None:
    with collecting_shortly():
        kept = [Node() for _ in range(50_000)]
        gc.collect()
        assert len(gc.get_objects()) < 5_000
        lost = Node()
        lost.other, gone = lost, ref(lost)
        del lost
        gc.collect()
        assert gone() is None
        first = ref(kept[0])
        kept.clear()
        assert first() is None


def test_collections_stay_small_while_objects_are_made() -> None:
    with collecting_shortly():
        kept: list[list[int]] = []
        most = 0
        for _ in range(60):
            kept += [[] for _ in range(10_000)]
            most = max(most, len(gc.get_objects()))
        # However many there are by now, a collection has never more than so many to visit.
        assert most < 60_000 < len(kept)


async def test_memory_is_given_back_after_much_was_released(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = trio.Event()
    monkeypatch.setattr(upkeep, "give_back", lambda: trio.from_thread.run_sync(given.set))
    memory = Memory()
    logs = memory.account("logs")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(give_back_for_ever, memory)
        await trio.sleep(10)
        logs.add(1 << 20)
        logs.release(1 << 20)
        await trio.sleep(10)
        assert not given.is_set()
        logs.add(1 << 25)
        logs.release(1 << 25)
        await given.wait()
        nursery.cancel_scope.cancel()
    assert memory.released == 0


async def test_cycles_that_were_frozen_are_found_in_the_end(autojump_clock: MockClock) -> None:
    with collecting_shortly():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(give_back_for_ever, Memory())
            await trio.sleep(1)
            lost = [Node() for _ in range(60_000)]
            for each in lost:
                each.other = each
            gone = ref(lost[0])
            gc.collect()
            del each
            lost.clear()
            gc.collect()
            assert gone() is not None
            await trio.sleep(700)
            nursery.cancel_scope.cancel()
        assert gone() is None
