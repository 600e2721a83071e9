"""Run slots.

Doctrine: slots are plain state, so they are tested without any task.
"""

from __future__ import annotations

from glowback_trio.actors.run_slots import RunSlots


def test_slots_are_given_in_the_order_of_the_requests() -> None:
    slots = RunSlots(slots=2)
    first, second, third, fourth = (slots.request() for _ in range(4))
    assert [t.is_set() for t in (first, second, third, fourth)] == [True, True, False, False]
    assert slots.waiting == 2
    slots.release(second)
    assert third.is_set()
    assert not fourth.is_set()


def test_a_request_that_is_withdrawn_frees_no_slot() -> None:
    slots = RunSlots(slots=1)
    first, second, third = (slots.request() for _ in range(3))
    slots.release(second)
    assert not third.is_set()
    slots.release(first)
    assert third.is_set()
    assert slots.waiting == 0


def test_the_owner_who_holds_fewest_slots_is_next() -> None:
    slots = RunSlots(slots=2)
    many = [slots.request("many") for _ in range(5)]
    few = slots.request("few")
    slots.release(many[0])
    assert few.is_set()
    assert not many[2].is_set()
    slots.release(many[1])
    assert many[2].is_set()


def test_owners_take_turns_at_a_single_slot() -> None:
    slots = RunSlots(slots=1)
    given = slots.request("a")
    waiting = {name: slots.request(name[0]) for name in ("a1", "a2", "a3", "b1", "b2", "c1")}
    order = []
    while waiting:
        slots.release(given)
        (name,) = (name for name, slot in waiting.items() if slot.is_set())
        given = waiting.pop(name)
        order.append(name)
    assert order == ["b1", "c1", "a1", "b2", "a2", "a3"]


def test_a_higher_priority_is_next_whoever_owns_it() -> None:
    slots = RunSlots(slots=1)
    first = slots.request("a")
    low, usual, high = (slots.request("b", -1), slots.request("b"), slots.request("a", 1))
    slots.release(first)
    assert (high.is_set(), usual.is_set(), low.is_set()) == (True, False, False)
    slots.release(high)
    assert (usual.is_set(), low.is_set()) == (True, False)
