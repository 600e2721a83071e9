from __future__ import annotations

from glowback_trio.actors.run_slots import RunSlots


def test_places_go_to_those_who_asked_first() -> None:
    admission = RunSlots(places=2)
    first, second, third, fourth = (admission.ask() for _ in range(4))
    assert [t.is_set() for t in (first, second, third, fourth)] == [True, True, False, False]
    assert admission.waiting == 2
    admission.give_back(second)
    assert third.is_set()
    assert not fourth.is_set()


def test_who_leaves_the_line_frees_no_place() -> None:
    admission = RunSlots(places=1)
    first, second, third = (admission.ask() for _ in range(3))
    admission.give_back(second)
    assert not third.is_set()
    admission.give_back(first)
    assert third.is_set()
    assert admission.waiting == 0
