"""Stream tickets: valid once, for one caller, for a while.

Rule: the clock is moved by hand, and secrets are searched for wherever they could be shown.
"""

from __future__ import annotations

import pytest
import trio
from attrs import define
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from glowback_trio.server.security.tickets import OfferedProtocols, Tickets, read_protocols


@define
class Counting:
    """Consecutive values, in place of random ones."""

    made: int = 0

    def __call__(self) -> str:
        self.made += 1
        return f"value-{self.made}"


@define
class Hands:
    """A clock that is moved by hand."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_ticket_opens_once_and_for_whom_it_was_made() -> None:
    tickets = Tickets(clock=Hands())
    ann, ben = await tickets.issue("ann"), await tickets.issue("ben")
    assert await tickets.redeem(ben.value) == "ben"
    assert await tickets.redeem(ann.value) == "ann"
    assert await tickets.redeem(ann.value) is None
    assert await tickets.redeem(ben.value) is None


async def test_a_ticket_opens_until_its_time_is_over() -> None:
    clock = Hands(1000.0)
    tickets = Tickets(clock=clock)
    in_time, too_late = await tickets.issue("ann"), await tickets.issue("ann")
    assert in_time.expires_in_s == 30.0
    clock.now = 1029.9
    assert await tickets.redeem(in_time.value) == "ann"
    clock.now = 1030.0
    assert await tickets.redeem(too_late.value) is None


async def test_what_is_no_ticket_opens_nothing() -> None:
    tickets = Tickets(clock=Hands(), entropy=Counting())
    await tickets.issue("ann")
    for value in ("", "value-2", "value-1 ", "VALUE-1", "\udc80", "x" * 100_000):
        assert await tickets.redeem(value) is None
    assert await tickets.redeem("value-1") == "ann"


async def test_one_ticket_too_many_makes_the_oldest_void() -> None:
    tickets = Tickets(most=3, clock=Hands(), entropy=Counting())
    for _ in range(4):
        await tickets.issue("ann")
    assert len(tickets) == 3
    assert await tickets.redeem("value-1") is None
    assert await tickets.redeem("value-2") == "ann"


async def test_unused_tickets_are_forgotten() -> None:
    clock = Hands()
    tickets = Tickets(clock=clock)
    for _ in range(100_000):
        clock.now += 0.1
        await tickets.issue("ann")
        assert len(tickets) <= 301


async def test_values_cannot_be_guessed_and_are_not_shown() -> None:
    tickets = Tickets(clock=Hands())
    issued = [await tickets.issue("ann") for _ in range(1000)]
    assert len({ticket.value for ticket in issued}) == 1000
    assert all(len(ticket.value) >= 43 for ticket in issued)  # 256 bits in base 64
    shown = repr(tickets) + repr(issued) + repr(read_protocols([f"ticket.{issued[0].value}"]))
    assert not [ticket for ticket in issued if ticket.value in shown]


async def test_a_new_value_can_be_offered_as_a_subprotocol() -> None:
    tickets = Tickets(clock=Hands())
    value = (await tickets.issue("ann")).value
    assert read_protocols([f"glowback.v1, ticket.{value}"]) == OfferedProtocols(
        value, "glowback.v1"
    )


async def test_the_clock_is_trios_unless_another_is_given(mock_clock: MockClock) -> None:
    tickets = Tickets()
    ticket = await tickets.issue("ann")
    mock_clock.jump(30.0)
    await trio.lowlevel.checkpoint()
    assert await tickets.redeem(ticket.value) is None


@pytest.mark.parametrize("options", [{"lifetime_s": 0.0}, {"most": 0}])
def test_tickets_that_could_not_be_used_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Tickets(**options)  # type: ignore[arg-type]  # two options of different types


@pytest.mark.parametrize(
    ("lines", "offered"),
    [
        ([], OfferedProtocols(None, None)),
        ([""], OfferedProtocols(None, None)),
        (["glowback.v1"], OfferedProtocols(None, "glowback.v1")),
        (["ticket.abc"], OfferedProtocols("abc", None)),
        (["glowback.v1, ticket.a_B-9"], OfferedProtocols("a_B-9", "glowback.v1")),
        (["ticket.abc,glowback.v1"], OfferedProtocols("abc", "glowback.v1")),
        (["glowback.v1", "ticket.abc"], OfferedProtocols("abc", "glowback.v1")),
        (["chat, ticket.one, ticket.two"], OfferedProtocols("one", None)),
        (["glowback.v2, Glowback.v1, tickets.abc"], OfferedProtocols(None, None)),
        (["ticket., glowback.v1"], OfferedProtocols(None, "glowback.v1")),
        (["ticket.a b", "ticket.a=b", "ticket.ü"], OfferedProtocols(None, None)),
        (["ticket." + "x" * 129], OfferedProtocols(None, None)),
    ],
)
def test_offered_subprotocols_are_read_as_the_contract_has_them(
    lines: list[str], offered: OfferedProtocols
) -> None:
    assert read_protocols(lines) == offered


@given(st.lists(st.text(max_size=40), max_size=5))
def test_no_offered_subprotocol_breaks_the_reader_or_is_echoed(lines: list[str]) -> None:
    assert read_protocols(lines).subprotocol in (None, "glowback.v1")
