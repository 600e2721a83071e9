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
