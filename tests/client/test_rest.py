"""The methods of the client against the real server over a real socket."""

from __future__ import annotations

from functools import partial

import httpx2
import orjson
import pytest
import trio
from attrs import evolve
from support.served import Serve

from glowback_trio import BacktestRequest, Run, State
from glowback_trio import Stream as StreamOptions
from glowback_trio.actors import Gateway
from glowback_trio.client import Client, open_client
from glowback_trio.engine.reporting.result_document import result_document
from glowback_trio.errors import (
    InvalidRequestError,
    NotReadyError,
    RunCancelledError,
    RunFailedError,
    ServerRefusedError,
    UnexpectedAnswerError,
    UnknownRunError,
    UnreachableError,
)
from glowback_trio.wire.json_text import dumps

# At this pace a run never gets beyond its first bar during a test.
FOREVER = StreamOptions(pace_bars_per_s=0.001)


async def test_a_backtest_is_submitted_and_its_result_fetched(
    client: Client, backtest: BacktestRequest, gateway: Gateway
) -> None:
    submitted = await client.submit(backtest)
    assert submitted.symbols == ("AAPL",)
    run = gateway.run(submitted.run_id)
    await run.wait_finished()
    assert run.request == backtest
    assert await client.status(run.run_id) == run.status
    document = dumps(result_document(run.result(), run.run_id))
    results = dict(await client.results(run.run_id))
    assert results.pop("overfit")["trials"] == 1
    assert results == orjson.loads(document)


async def test_a_request_repeated_with_its_key_starts_no_second_run(
    client: Client, backtest: BacktestRequest, gateway: Gateway
) -> None:
    first = await client.submit(backtest, idempotency_key="once")
    again = await client.submit(backtest, idempotency_key="once")
    assert again == first
    assert len(gateway.runs()) == 1
    with pytest.raises(InvalidRequestError, match="Idempotency-Key"):
        await client.submit(evolve(backtest, initial_capital=1.0), idempotency_key="once")


async def test_all_problems_of_a_refused_request_arrive_with_their_paths(
    client: Client, backtest: BacktestRequest
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await client.submit(evolve(backtest, symbols=("AAPLE", "SPYY")))
    assert [problem.path for problem in caught.value.problems] == [("symbols", 0), ("symbols", 1)]
    assert "did you mean 'AAPL'" in str(caught.value)


async def test_runs_are_listed_by_state_and_page(client: Client, backtest: BacktestRequest) -> None:
    endless = [await client.submit(evolve(backtest, stream=FOREVER)) for _ in range(3)]
    newest_first = [status.run_id for status in reversed(endless)]
    assert [status.run_id for status in await client.list()] == newest_first
    page = await client.list(limit=2)
    rest = await client.list(limit=2, before=page[-1].run_id)
    assert [status.run_id for status in [*page, *rest]] == newest_first
    assert await client.list(state=State.COMPLETED) == []
    assert await client.list(state="failed") == []
    with pytest.raises(InvalidRequestError, match="state: Input should be"):
        await client.list(state="sleeping")
    with pytest.raises(InvalidRequestError, match="limit: Input should be"):
        await client.list(limit=0)


async def test_runs_are_labelled_and_found_by_their_labels(
    client: Client, backtest: BacktestRequest
) -> None:
    await client.submit(evolve(backtest, stream=FOREVER))
    run = await client.submit(evolve(backtest, stream=FOREVER, name="First", tags=["a", "b"]))
    assert (run.name, run.tags, run.note) == ("First", ("a", "b"), "")
    edited = await client.edit(run.run_id, name="", tags=["c"], note="a note")
    assert (edited.name, edited.tags, edited.note) == ("", ("c",), "a note")
    assert (await client.edit(run.run_id, tags=())).tags == ()
    assert (await client.status(run.run_id)).note == "a note"
    found = await client.list(since=run.created_at, q="NOTE")
    assert [status.run_id for status in found] == [run.run_id]
    assert await client.list(tag="c") == []
    assert await client.list(symbol="QQQQ") == []
    assert await client.list(strategy="rsi") == []
    with pytest.raises(InvalidRequestError, match="name: Input should have at most 128"):
        await client.edit(run.run_id, name="x" * 129)
    with pytest.raises(UnknownRunError):
        await client.edit("no-such-run", name="x")


async def test_a_run_is_cancelled_and_deleted(
    client: Client, backtest: BacktestRequest, gateway: Gateway
) -> None:
    run_id = (await client.submit(evolve(backtest, stream=FOREVER))).run_id
    with pytest.raises(NotReadyError, match="not ready"):
        await client.results(run_id)
    await client.cancel(run_id)
    await gateway.run(run_id).wait_finished()
    assert (await client.cancel(run_id)).state is State.CANCELLED
    with pytest.raises(RunCancelledError, match="Run cancelled: cancelled by a client"):
        await client.results(run_id)
    await client.delete(run_id)
    with pytest.raises(UnknownRunError):
        await client.status(run_id)


async def test_a_run_is_paused_and_resumed(client: Client, backtest: BacktestRequest) -> None:
    run_id = (await client.submit(evolve(backtest, stream=FOREVER))).run_id
    assert not (await client.status(run_id)).paused
    assert (await client.pause(run_id)).paused
    assert (await client.status(run_id)).paused
    assert not (await client.resume(run_id)).paused


async def test_a_failed_run_says_why_it_has_no_result(
    client: Client, backtest: BacktestRequest, gateway: Gateway
) -> None:
    later = evolve(backtest, start_date="2030-01-01", end_date="2030-12-31")
    run_id = (await client.submit(later)).run_id
    await gateway.run(run_id).wait_finished()
    with pytest.raises(RunFailedError, match="Run failed: AAPL has no bars"):
        await client.results(run_id)


async def test_strategies_and_datasets_are_listed(client: Client) -> None:
    assert "rsi" in [strategy["name"] for strategy in await client.strategies()]
    assert "AAPL" in [dataset["symbol"] for dataset in await client.datasets()]


@pytest.mark.parametrize("verb", ["status", "results", "cancel", "pause", "resume", "delete"])
async def test_an_unknown_run_is_its_own_error(client: Client, verb: str) -> None:
    with pytest.raises(UnknownRunError) as caught:
        await getattr(client, verb)("no-such-run")
    assert caught.value.run_id == "no-such-run"


async def test_a_key_is_sent_and_a_wrong_one_refused(serve_with: Serve, finished: Run) -> None:
    url = await serve_with(api_keys=("right",))
    async with open_client(url, "right") as client:
        assert (await client.status(finished.run_id)).state is State.COMPLETED
    for key in ("wrong", None):
        async with open_client(url, key) as client:
            with pytest.raises(ServerRefusedError, match="401") as caught:
                await client.status(finished.run_id)
        assert (caught.value.status, caught.value.reason) == (401, "unauthorized")


async def test_a_closing_server_says_when_to_retry(
    client: Client, backtest: BacktestRequest, gateway: Gateway
) -> None:
    gateway.close("it is late")
    with pytest.raises(ServerRefusedError, match="it is late") as caught:
        await client.submit(backtest)
    assert (caught.value.status, caught.value.retry_after) == (503, 5)


async def test_an_absent_server_is_unreachable() -> None:
    async with open_client("http://127.0.0.1:1") as client:
        with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:1"):
            await client.list()


async def test_a_server_without_trusted_tls_is_unreachable(url: str) -> None:
    async with open_client(url.replace("http://", "https://")) as client:
        with pytest.raises(UnreachableError, match="SSL"):
            await client.list()
        with pytest.raises(UnreachableError, match="SSL"):
            async with client.stream("r", retry_for=0) as events:
                await anext(events)


async def test_a_silent_server_is_unreachable(nursery: trio.Nursery) -> None:
    async def stare(_stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    listeners: list[trio.SocketListener] = await nursery.start(
        partial(trio.serve_tcp, stare, 0, host="127.0.0.1")
    )
    port = listeners[0].socket.getsockname()[1]
    async with open_client(f"http://127.0.0.1:{port}", silent_for=0.01) as client:
        with trio.fail_after(10), pytest.raises(UnreachableError, match="did not respond in time"):
            await client.list()


async def test_a_fault_of_the_server_is_not_taken_for_a_missing_result() -> None:
    created = "2024-01-02T00:00:00.000000Z"
    status = {"run_id": "r", "state": "running", "created_at": created}

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/results"):
            return httpx2.Response(500)
        return httpx2.Response(200, json={**status, "strategy": "rsi", "symbols": ["A"]})

    transport = httpx2.MockTransport(answer)
    async with open_client("http://elsewhere", transport=transport) as client:
        assert (await client.status("r")).state is State.RUNNING
        with pytest.raises(ServerRefusedError, match="500: Internal Server Error"):
            await client.results("r")


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b"[1]", b'{"state":"queued"}', b'"text"', b"{}", b"null"]
)
async def test_a_response_of_another_api_is_unexpected(
    body: bytes, backtest: BacktestRequest
) -> None:
    transport = httpx2.MockTransport(lambda _request: httpx2.Response(200, content=body))
    async with open_client("http://elsewhere", transport=transport) as client:
        with pytest.raises(UnexpectedAnswerError):
            await client.submit(backtest)
        with pytest.raises(UnexpectedAnswerError):
            await client.status("r")
        with pytest.raises(UnexpectedAnswerError):
            await client.list()


async def test_the_path_under_which_a_server_is_mounted_is_kept() -> None:
    requested: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        requested.append(str(request.url))
        return httpx2.Response(200, content=b"[]")

    async with open_client(
        "https://host/glowback/", transport=httpx2.MockTransport(answer)
    ) as client:
        assert await client.datasets() == []
    assert requested == ["https://host/glowback/v1/datasets"]
