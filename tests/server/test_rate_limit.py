"""Token buckets: when a caller has a token, and what its response says.

Rule: the clock is moved by hand, and a property test counts in exact fractions.
"""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import trio
from attrs import define
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from glowback_trio.server.security.rate_limit import Buckets, caller_of


@define
class Hands:
    """A clock that is moved by hand."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_full_bucket_gives_as_many_tokens_as_it_holds_and_no_more() -> None:
    buckets = Buckets(5, 60.0, Hands(1e6))
    verdicts = [buckets.take("ann") for _ in range(7)]
    assert [verdict.allowed for verdict in verdicts] == [True] * 5 + [False] * 2
    assert [verdict.remaining for verdict in verdicts] == [4, 3, 2, 1, 0, 0, 0]


def test_tokens_come_back_one_by_one_and_not_all_at_the_end_of_a_window() -> None:
    clock = Hands()
    buckets = Buckets(6, 60.0, clock)
    for _ in range(6):
        buckets.take("ann")
    assert not buckets.take("ann").allowed
    clock.now = 10.0
    assert buckets.take("ann").allowed
    assert not buckets.take("ann").allowed
    clock.now = 1000.0
    assert [buckets.take("ann").allowed for _ in range(7)] == [True] * 6 + [False]


def test_a_verdict_says_when_there_is_a_token_and_when_the_bucket_is_full() -> None:
    clock = Hands()
    buckets = Buckets(6, 60.0, clock)
    first = buckets.take("ann")
    assert first.reset_s == pytest.approx(10.0)
    assert first.retry_after_s == 0
    for _ in range(5):
        buckets.take("ann")
    clock.now = 4.0
    refused = buckets.take("ann")
    assert refused.reset_s == pytest.approx(56.0)
    assert refused.retry_after_s == pytest.approx(6.0, rel=1e-4)


def test_headers_are_whole_seconds_that_never_promise_too_much() -> None:
    clock = Hands()
    buckets = Buckets(2, 3.0, clock)
    assert buckets.take("ann").headers == {
        "X-RateLimit-Limit": "2",
        "X-RateLimit-Remaining": "1",
        "X-RateLimit-Reset": "2",
    }
    buckets.take("ann")
    assert buckets.take("ann").headers == {
        "X-RateLimit-Limit": "2",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "3",
        "Retry-After": "2",
    }


def test_retry_after_is_never_zero() -> None:
    buckets = Buckets(6000, 60.0, Hands())
    for _ in range(6000):
        buckets.take("ann")
    assert buckets.take("ann").headers["Retry-After"] == "1"


def test_a_refusal_costs_nothing() -> None:
    clock = Hands()
    buckets = Buckets(1, 10.0, clock)
    buckets.take("ann")
    for clock.now in range(1, 10):
        assert not buckets.take("ann").allowed
    clock.now = 10.0
    assert buckets.take("ann").allowed


def test_callers_have_buckets_of_their_own() -> None:
    buckets = Buckets(1, 60.0, Hands())
    assert buckets.take("ann").allowed
    assert buckets.take("ben").allowed
    assert not buckets.take("ann").allowed


def test_looking_takes_no_token() -> None:
    buckets = Buckets(1, 60.0, Hands())
    assert [buckets.look("ann").allowed for _ in range(3)] == [True] * 3
    assert len(buckets) == 0
    assert buckets.look("ann").remaining == 1
    buckets.take("ann")
    assert not buckets.look("ann").allowed
    assert buckets.look("ann").retry_after_s == buckets.take("ann").retry_after_s


def test_a_limit_of_zero_limits_no_caller_and_adds_no_headers() -> None:
    buckets = Buckets(0, 60.0, Hands())
    for _ in range(10):
        verdict = buckets.take("ann")
        assert verdict.allowed
        assert verdict.headers == {}
    assert buckets.look("ann").allowed
    assert len(buckets) == 0


@pytest.mark.parametrize(("limit", "window_s"), [(-1, 60.0), (1, 0.0), (1, -1.0)])
def test_a_bucket_that_makes_no_sense_is_refused(limit: int, window_s: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        Buckets(limit, window_s)


@given(
    limit=st.integers(1, 50),
    window=st.integers(1, 120),
    waits=st.lists(st.integers(0, 40), max_size=60),
)
def test_buckets_agree_with_tokens_counted_in_exact_fractions(
    limit: int, window: int, waits: list[int]
) -> None:
    clock = Hands(123_456.0)
    buckets = Buckets(limit, float(window), clock)
    tokens = Fraction(limit)
    for wait in waits:
        clock.now += wait
        tokens = min(tokens + Fraction(wait * limit, window), Fraction(limit))
        allowed = tokens >= 1
        tokens -= allowed
        verdict = buckets.take("ann")
        assert verdict.allowed == allowed
        assert verdict.remaining == math.floor(tokens)
        assert verdict.reset_s == pytest.approx(float((limit - tokens) * window / limit), abs=1e-6)


@given(limit=st.integers(1, 10_000), window=st.floats(0.5, 3600.0), start=st.floats(0, 1e7))
def test_a_caller_that_waits_for_retry_after_is_admitted(
    limit: int, window: float, start: float
) -> None:
    clock = Hands(start)
    buckets = Buckets(limit, window, clock)
    while (verdict := buckets.take("ann")).allowed:
        pass
    clock.now += int(verdict.headers["Retry-After"])
    assert buckets.take("ann").allowed


def test_buckets_that_are_full_are_forgotten() -> None:
    clock = Hands()
    buckets = Buckets(6000, 60.0, clock)
    for number in range(1_000_000):
        clock.now += 0.001
        buckets.take(f"caller {number}")
        assert len(buckets) <= 12  # the callers of the 10 ms in which one token comes


def test_callers_beyond_the_bound_push_out_the_least_recent_ones() -> None:
    clock = Hands()
    buckets = Buckets(1, 3600.0, clock, most=1000)
    buckets.take("the persistent one")
    for number in range(100_000):
        buckets.take(f"caller {number}")
        if number % 500 == 0:
            assert not buckets.take("the persistent one").allowed
    assert len(buckets) == 1000
    assert not buckets.look("caller 99999").allowed
    assert buckets.look("caller 0").allowed


def test_a_crowd_is_forgotten_after_it_has_gone_although_one_caller_stays() -> None:
    clock = Hands()
    buckets = Buckets(10, 60.0, clock)
    for number in range(10_000):
        buckets.take(f"caller {number}")
    clock.now = 60.0
    for _ in range(5000):
        clock.now += 6.0
        buckets.take("the one that stays")
    assert len(buckets) == 1


async def test_the_clock_is_trios_unless_another_is_given(mock_clock: MockClock) -> None:
    buckets = Buckets(1, 60.0)
    assert buckets.take("ann").allowed
    assert not buckets.take("ann").allowed
    mock_clock.jump(60.0)
    await trio.lowlevel.checkpoint()
    assert buckets.take("ann").allowed


def test_a_key_names_its_caller_from_any_address_and_is_not_shown() -> None:
    name = caller_of("s3cret-key", "192.0.2.1")
    assert name == caller_of("s3cret-key", "198.51.100.7")
    assert name != caller_of("s3cret-kez", "192.0.2.1")
    assert "s3cret" not in name
    buckets = Buckets(1, 60.0, Hands())
    buckets.take(name)
    assert "s3cret" not in repr(buckets)


def test_without_a_key_the_address_names_the_caller() -> None:
    assert caller_of(None, "192.0.2.1") == "192.0.2.1"
    assert caller_of(None, "unix") == "unix"


def test_one_ipv6_network_has_one_bucket() -> None:
    assert caller_of(None, "2001:db8:1:2::1") == caller_of(None, "2001:db8:1:2:ffff::9")
    assert caller_of(None, "2001:db8:1:2::1") != caller_of(None, "2001:db8:1:3::1")
    assert caller_of(None, "no:address") == "no:address"
