"""Run slots.

Doctrine: slots are plain state on trio's clock, which here is the test's. Who holds a slot is asked
of the slots, and time passes only where a test lets it.
"""

from __future__ import annotations

import trio
from trio.testing import MockClock

from glowback_trio.actors.run_slots import SLICE_S, RunSlots, SlotTurn
from glowback_trio.compute import Progressed, Step


def holding(slots: RunSlots) -> list[str]:
    return [turn.name for turn in slots.holders]


def requested(slots: RunSlots, *names: str, owner: str = "") -> list[SlotTurn]:
    return [slots.request(owner, name=name) for name in names]


async def test_slots_are_given_in_the_order_of_the_requests() -> None:
    slots = RunSlots(slots=2)
    _first, second, *_ = requested(slots, "1", "2", "3", "4")
    assert holding(slots) == ["1", "2"]
    assert slots.waiting == 2
    second.end()
    assert holding(slots) == ["1", "3"]


async def test_a_request_that_is_withdrawn_frees_no_slot() -> None:
    slots = RunSlots(slots=1)
    first, second, _third = requested(slots, "1", "2", "3")
    second.end()
    assert holding(slots) == ["1"]
    first.end()
    assert holding(slots) == ["3"]
    assert slots.waiting == 0


async def test_the_owner_who_holds_fewest_slots_is_next() -> None:
    slots = RunSlots(slots=2)
    many = [slots.request("many", name=f"many {n}") for n in range(5)]
    slots.request("few", name="few")
    many[0].end()
    assert holding(slots) == ["many 1", "few"]
    many[1].end()
    assert holding(slots) == ["few", "many 2"]


async def test_owners_take_turns_at_a_single_slot() -> None:
    slots = RunSlots(slots=1)
    given = slots.request("a")
    waiting = {n: slots.request(n[0], name=n) for n in ("a1", "a2", "a3", "b1", "b2", "c1")}
    order = []
    while waiting:
        given.end()
        order += holding(slots)
        given = waiting.pop(order[-1])
    assert order == ["b1", "c1", "a1", "b2", "a2", "a3"]


async def test_a_higher_priority_is_next_whoever_owns_it() -> None:
    slots = RunSlots(slots=1)
    first = slots.request("a")
    slots.request("b", -1, "low")
    slots.request("b", name="usual")
    high = slots.request("a", 1, "high")
    first.end()
    assert holding(slots) == ["high"]
    high.end()
    assert holding(slots) == ["usual"]


async def test_a_slot_is_given_on_after_a_slice_and_not_before(mock_clock: MockClock) -> None:
    slots = RunSlots(slots=1)
    first, second = requested(slots, "1", "2")
    slots.reconsider(first)
    assert holding(slots) == ["1"]
    mock_clock.jump(SLICE_S)
    slots.reconsider(first)
    assert holding(slots) == ["2"]
    assert slots.laid_aside == 1
    mock_clock.jump(SLICE_S)
    slots.reconsider(second)
    assert holding(slots) == ["1"]


async def test_a_slot_that_nobody_waits_for_is_kept(mock_clock: MockClock) -> None:
    slots = RunSlots(slots=1)
    (only,) = requested(slots, "1")
    mock_clock.jump(10)
    slots.reconsider(only)
    slots.request(priority=-1, name="less urgent")
    mock_clock.jump(SLICE_S)
    slots.reconsider(only)
    assert holding(slots) == ["1"]


async def test_runs_take_turns_one_after_the_other_and_a_new_one_is_next(
    mock_clock: MockClock,
) -> None:
    slots = RunSlots(slots=1)
    turns = {turn.name: turn for turn in requested(slots, "1", "2", "3")}
    order = []
    for step in range(8):
        if step == 4:
            turns["new"] = slots.request(name="new")
        order += holding(slots)
        mock_clock.jump(SLICE_S)
        slots.reconsider(turns[order[-1]])
    assert order == ["1", "2", "3", "1", "2", "new", "3", "1"]


async def test_owners_share_evenly_however_many_runs_they_have(mock_clock: MockClock) -> None:
    slots = RunSlots(slots=1)
    turns = {turn.name: turn for turn in requested(slots, *(f"a{n}" for n in range(20)), owner="a")}
    turns["b"] = slots.request("b", name="b")
    order = []
    for _ in range(20):
        order += holding(slots)
        mock_clock.jump(SLICE_S)
        slots.reconsider(turns[order[-1]])
    assert order.count("b") == 10


async def test_a_paused_run_holds_no_slot_and_waits_for_none() -> None:
    slots = RunSlots(slots=1)
    first, second, third = requested(slots, "1", "2", "3")
    first.pause()
    assert holding(slots) == ["2"]
    third.pause()
    second.end()
    assert holding(slots) == []
    third.resume()
    first.resume()
    assert holding(slots) == ["3"]


async def test_an_owner_leaves_room_for_others_work(mock_clock: MockClock) -> None:
    slots = RunSlots(slots=1, parked=9)
    many = requested(slots, *(f"a{n}" for n in range(100)), owner="a")
    turns = {turn.name: turn for turn in many}
    for _ in range(100):
        mock_clock.jump(SLICE_S)
        slots.reconsider(turns[holding(slots)[0]])
    assert slots.begun == slots.laid_aside + 1 == 8
    slots.request("b", name="b")
    mock_clock.jump(SLICE_S)
    slots.reconsider(turns[holding(slots)[0]])
    assert holding(slots) == ["b"]


async def test_paused_work_makes_room_and_is_begun_again(mock_clock: MockClock) -> None:
    slots = RunSlots(slots=1, parked=1)
    dropped: list[str] = []
    for name in ("1", "2"):
        (turn,) = requested(slots, name)
        turn.on_drop = lambda name=name: dropped.append(name)
        turn.pause()
    assert (dropped, slots.laid_aside) == ([], 2)
    (third,) = requested(slots, "3")
    assert (dropped, holding(slots)) == (["1"], ["3"])
    assert slots.begun == 3
    third.end()
    assert holding(slots) == []


async def test_only_so_many_runs_are_live() -> None:
    slots = RunSlots(slots=2, live=2)
    first, second, _third = requested(slots, "1", "2", "3")
    first.pause()
    second.rest()
    assert holding(slots) == []
    assert (slots.begun, slots.waiting) == (2, 1)
    second.end()
    assert holding(slots) == ["3"]


async def test_a_slot_that_is_held_without_a_step_is_told(mock_clock: MockClock) -> None:
    slots = RunSlots(slots=1)
    first, second = requested(slots, "1", "2")
    mock_clock.jump(20)
    slots.reconsider(first)
    mock_clock.jump(20)
    slots.reconsider(second)
    assert holding(slots) == ["1"]
    mock_clock.jump(15)
    assert slots.stuck(30) == {"1": 35}  # the turn of the other apart
    send, _receive = trio.open_memory_channel[Step](1)
    await first.pass_on(Progressed(), send)
    assert slots.stuck(30) == {}
