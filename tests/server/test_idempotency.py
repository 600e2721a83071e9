"""Idempotency keys: a repeated request gets the first response.

Rule: the number of runs proves it, not just the response.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio.testing
from quart.typing import TestClientProtocol as Client

from glowback_trio import BacktestRequest
from glowback_trio.actors import Gateway
from glowback_trio.memory import Account, Memory
from glowback_trio.server.state.idempotency import FirstResponse, IdempotencyCache, digest_of
from glowback_trio.wire.requests import request_document

DAY = 24 * 3600.0


async def test_a_repeated_request_gets_the_first_answer_and_starts_no_second_run(
    client: Client, gateway: Gateway, request_body: dict[str, Any]
) -> None:
    key = {"Idempotency-Key": "once"}
    first = await client.post("/backtests", json=request_body, headers=key)
    await gateway.runs()[0].wait_finished()
    again = await client.post("/backtests", json=request_body, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert await again.get_data() == await first.get_data()
    assert again.headers["Location"] == first.headers["Location"]
    assert len(gateway.runs()) == 1


async def test_what_counts_is_the_parsed_request(
    client: Client, gateway: Gateway, request_body: dict[str, Any]
) -> None:
    key = {"Idempotency-Key": "once"}
    await client.post("/backtests", json=request_body, headers=key)
    spelt_otherwise = dict(reversed((request_body | {"start_date": "2024-01-01"}).items()))
    again = await client.post("/v1/backtests", json=spelt_otherwise, headers=key)
    assert again.status_code == 201
    assert again.headers["Location"].startswith("/v1/")
    assert len(gateway.runs()) == 1


async def test_the_same_key_with_another_request_is_refused(
    client: Client, gateway: Gateway, request_body: dict[str, Any]
) -> None:
    key = {"Idempotency-Key": "once"}
    await client.post("/backtests", json=request_body, headers=key)
    other = await client.post("/backtests", json=request_body | {"symbols": ["SPY"]}, headers=key)
    assert other.status_code == 422
    (problem,) = (await other.get_json())["detail"]
    assert problem["loc"] == ["header", "Idempotency-Key"]
    assert len(gateway.runs()) == 1


async def test_keys_of_different_clients_are_different(
    client_of: Callable[..., Client], gateway: Gateway, request_body: dict[str, Any]
) -> None:
    client = client_of(api_keys=("a", "b"))
    for api_key in ("a", "b", "a"):
        headers = {"Idempotency-Key": "once", "X-API-Key": api_key}
        assert (
            await client.post("/backtests", json=request_body, headers=headers)
        ).status_code == 201
    assert len(gateway.runs()) == 2


async def test_a_refused_request_does_not_use_up_its_key(
    client: Client, request_body: dict[str, Any]
) -> None:
    key = {"Idempotency-Key": "once"}
    bad = await client.post("/backtests", json=request_body | {"symbols": []}, headers=key)
    good = await client.post("/backtests", json=request_body, headers=key)
    assert (bad.status_code, good.status_code) == (422, 201)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "é"])
async def test_a_key_that_is_none_is_refused(
    client: Client, request_body: dict[str, Any], key: str
) -> None:
    response = await client.post("/backtests", json=request_body, headers={"Idempotency-Key": key})
    assert response.status_code == 422


@pytest.fixture
def digest() -> bytes:
    requested = BacktestRequest(symbols=["AAPL"], start_date="2024-01-01", end_date="2024-02-01")
    return digest_of(request_document(requested))


ANSWER = FirstResponse("run", b"{}")


def account(limit: int | None = None) -> Account:
    return Memory(limit).account("idempotency")


def found(repeats: IdempotencyCache, key: str, digest: bytes, *, alive: bool = True) -> Any:
    return repeats.find("client", key, digest, alive=lambda _: alive)


async def test_answers_are_forgotten_after_a_day(
    digest: bytes, mock_clock: trio.testing.MockClock
) -> None:
    repeats = IdempotencyCache(account())
    repeats.keep("client", "key", digest, ANSWER)
    mock_clock.jump(DAY - 1)
    assert found(repeats, "key", digest) is ANSWER
    mock_clock.jump(1)
    assert found(repeats, "key", digest) is None


async def test_what_was_lost_before_it_was_stored_may_be_asked_for_again(digest: bytes) -> None:
    repeats = IdempotencyCache(account())
    for key in "ab":
        repeats.keep("client", key, digest, ANSWER)
    repeats.note_stored("client", "b", "run")
    repeats.note_stored("client", "a", "another run")
    assert [found(repeats, key, digest, alive=False) for key in "ab"] == [None, ANSWER]
    assert found(repeats, "a", digest) is None


async def test_only_what_is_to_be_forgotten_is(digest: bytes) -> None:
    repeats = IdempotencyCache(account())
    repeats.keep("client", "key", digest, ANSWER)
    repeats.forget("client", "key", "an earlier run")
    assert found(repeats, "key", digest) is ANSWER
    repeats.forget("client", "key", "run")
    assert found(repeats, "key", digest) is None


async def test_the_oldest_answer_leaves_first(digest: bytes) -> None:
    repeats = IdempotencyCache(account(), most=2)
    for key in "abc":
        repeats.keep("client", key, digest, ANSWER)
    assert [found(repeats, key, digest) for key in "abc"] == [None, ANSWER, ANSWER]


async def test_an_answer_counts_as_memory_for_as_long_as_it_is_kept(digest: bytes) -> None:
    held = account(5000)
    repeats = IdempotencyCache(held)
    for key in "abcdef":
        repeats.keep("client", key, digest, ANSWER)
    assert held.held <= 5000
    assert [found(repeats, key, digest) for key in "abf"] == [None, None, ANSWER]
    for key in "abcdef":
        repeats.forget("client", key, "run")
    assert held.held == 0


async def test_a_kept_request_takes_as_much_memory_whatever_its_length(digest: bytes) -> None:
    names = [f"S{i}" for i in range(1000)]
    long = BacktestRequest(symbols=names, start_date="2024-01-01", end_date="2024-02-01")
    assert len(digest_of(request_document(long))) == len(digest) == 32
