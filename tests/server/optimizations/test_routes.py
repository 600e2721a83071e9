"""The routes of optimizations, without a socket: begin, read, steer, delete.

Rule: where the `/v1` prefix could make a difference, a route is tried with and without it; what the
reference server answers is kept, unless a comment says why not.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing
from quart.typing import TestClientProtocol as Client
from support.served_searches import NINE, ended, search

from glowback_trio import assert_sound
from glowback_trio.actors import Gateway, Optimization
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.server import Settings
from glowback_trio.server.app import build_app, make_app_state

BOTH = pytest.mark.parametrize("prefix", ["", "/v1"])
UNKNOWN = (
    "Optimization not found: no optimization has this id, or no longer; "
    "GET /optimizations lists those there are"
)
STATUS_FIELDS = {
    "optimization_id",
    "name",
    "state",
    "strategy",
    "objective_metric",
    "direction",
    "max_trials",
    "trials_completed",
    "trials_failed",
    "trials_running",
    "best_trial",
    "created_at",
    "started_at",
    "finished_at",
    "error",
}


async def post(client: Client, path: str, **more: Any) -> tuple[int, Any]:
    response = await client.post(path, **more)
    return response.status_code, await response.get_json()


@BOTH
async def test_a_posted_optimization_is_created_and_can_be_found(
    client: Client, gateway: Gateway, request_body: dict[str, Any], prefix: str
) -> None:
    created = await client.post(f"{prefix}/optimizations", json=request_body)
    status = await created.get_json()
    assert created.status_code == 201
    assert created.headers["Location"] == f"{prefix}/optimizations/{status['optimization_id']}"
    assert uuid.UUID(status["optimization_id"]).version == 4
    assert (status["state"], status["attempt"], status["trials_completed"]) == ("pending", 1, 0)
    assert status.keys() >= STATUS_FIELDS
    await gateway.optimization(status["optimization_id"]).wait_finished()
    found = await (await client.get(created.headers["Location"])).get_json()
    assert (found["state"], found["trials_completed"]) == ("completed", NINE)
    assert found["progress"] == 1.0
    assert found["best_trial"]["status"] == "completed"
    assert found["started_at"] <= found["finished_at"]


async def test_the_request_can_be_read_and_sent_again(
    client: Client, completed: Optimization
) -> None:
    path = f"/optimizations/{completed.optimization_id}/request"
    document = await (await client.get(path)).get_json()
    status, _ = await post(client, "/optimizations", json=document)
    assert status == 201


async def test_problems_of_fields_and_of_the_base_backtest_are_named_together(
    client: Client, gateway: Gateway
) -> None:
    broken = search(
        max_trials=0,
        walk_forward_windows=11,
        base_backtest={"symbols": ["AAPL"], "start_date": "2018-01-01", "end_date": "2017-01-01"},
    )
    status, body = await post(client, "/optimizations", json=broken)
    assert status == 422
    assert {tuple(problem["loc"]) for problem in body["detail"]} == {
        ("body", "max_trials"),
        ("body", "walk_forward_windows"),
        ("body", "base_backtest", "end_date"),
    }
    assert gateway.optimizations() == []


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"max_trials": 8}, "max_trials", ["8", "9"]),
        ({"objective_metric": "sharp_ratio"}, "objective_metric", ["sharpe_ratio"]),
        (
            {"base_backtest": search()["base_backtest"] | {"symbols": ["NO SUCH"]}},
            "base_backtest.symbols.0",
            ["NO SUCH"],
        ),
    ],
)
async def test_what_needs_more_than_the_fields_is_422_with_its_path(
    client: Client, change: dict[str, Any], path: str, words: list[str]
) -> None:
    status, body = await post(client, "/v1/optimizations", json=search(**change))
    assert (status, body["error"]["code"]) == (422, "validation_error")
    problem = body["error"]["details"][0]
    assert ".".join(map(str, problem["loc"])) == f"body.{path}"
    assert all(word in problem["msg"] or word in str(problem["input"]) for word in words)


async def test_a_choice_may_have_many_more_values_than_a_backtest_has_fields(
    client: Client, gateway: Gateway
) -> None:
    values = [20 + n / 1000 for n in range(9000)]
    space = {"parameters": [{"name": "execution.slippage_bps", "kind": "choice", "values": values}]}
    body = search(search_space=space, strategy="random", max_trials=1)
    status, answer = await post(client, "/optimizations", json=body)
    assert (status, answer.get("detail")) == (201, None)
    await gateway.optimizations()[0].wait_finished()


async def test_a_body_with_too_many_values_is_refused(client: Client) -> None:
    values = list(range(30_000))
    space = {"parameters": [{"name": "short_period", "kind": "choice", "values": values}]}
    status, body = await post(client, "/optimizations", json=search(search_space=space))
    assert (status, body["detail"][0]["type"]) == (422, "too_long")


async def test_an_unsupported_sampler_says_what_to_install(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    status, body = await post(client, "/optimizations", json=search(strategy="bayesian"))
    assert status == 422
    assert "pip install optuna" in body["detail"][0]["msg"]


@BOTH
@pytest.mark.parametrize(
    ("method", "resource"),
    [
        ("GET", ""),
        ("GET", "/request"),
        ("GET", "/results"),
        ("GET", "/trials.csv"),
        ("GET", "/events"),
        ("GET", "/stream"),
        ("POST", "/cancel"),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/trials/1/run"),
        ("DELETE", ""),
    ],
)
async def test_an_unknown_optimization_is_404(
    client: Client, prefix: str, method: str, resource: str
) -> None:
    send = {"GET": client.get, "POST": client.post, "DELETE": client.delete}[method]
    response = await send(f"{prefix}/optimizations/{uuid.uuid4()}{resource}")
    body = await response.get_json()
    assert response.status_code == 404
    assert (body["error"]["message"] if prefix else body["detail"]) == UNKNOWN
    assert not prefix or body["error"]["code"] == "not_found"


async def test_lists_are_newest_first_and_lead_through_all(
    client: Client, gateway: Gateway
) -> None:
    made = [(await ended(gateway, name=str(n))).optimization_id for n in range(5)]
    page, seen = "/v1/optimizations?limit=2", list[str]()
    while page:
        response = await client.get(page)
        seen += [each["optimization_id"] for each in await response.get_json()]
        page = response.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert not page or page.startswith("/v1/optimizations?")
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("before=nobody", "before"),
        ("state=running", "state"),
    ],
)
async def test_a_bad_query_of_a_list_is_422(client: Client, query: str, path: str) -> None:
    response = await client.get(f"/optimizations?{query}")
    assert response.status_code == 422
    assert (await response.get_json())["detail"][0]["loc"] == ["query", path]


async def test_cancelling_ends_it_before_the_response_and_keeps_its_trials(
    client: Client, paused: Optimization
) -> None:
    path = f"/optimizations/{paused.optimization_id}"
    status, body = await post(client, f"{path}/cancel")
    assert (status, body["state"]) == (200, "cancelled")
    assert body["optimization_id"] == paused.optimization_id
    assert body["finished_at"] is not None
    again, body = await post(client, f"{path}/cancel")
    # The reference answers 409; a client whose response was lost has to be able to ask again.
    assert (again, body["state"]) == (200, "cancelled")
    assert (await client.get(f"{path}/results")).status_code == 200


@BOTH
async def test_what_has_completed_cannot_be_cancelled_paused_or_resumed(
    client: Client, completed: Optimization, prefix: str
) -> None:
    before = completed.status
    for verb in ("cancel", "pause", "resume"):
        path = f"{prefix}/optimizations/{completed.optimization_id}/{verb}"
        status, body = await post(client, path)
        assert status == 409
        message = body["error"]["message"] if prefix else body["detail"]
        assert "completed" in message
        assert not prefix or body["error"]["code"] == "conflict"
    assert completed.status == before


async def test_a_paused_one_goes_on_when_resumed(client: Client, paused: Optimization) -> None:
    path = f"/optimizations/{paused.optimization_id}"
    assert (await (await client.get(path)).get_json())["paused"] is True
    status, body = await post(client, f"{path}/resume")
    assert (status, body["paused"], body["attempt"]) == (200, False, 1)
    assert (await paused.wait_finished()).state is OptimizationState.COMPLETED
    assert_sound_attempts(paused)


async def test_resuming_a_cancelled_one_begins_a_new_attempt(
    client: Client, paused: Optimization
) -> None:
    path = f"/optimizations/{paused.optimization_id}"
    await post(client, f"{path}/cancel")
    status, body = await post(client, f"{path}/resume")
    assert (status, body["attempt"]) == (200, 2)
    assert body["state"] in ("running", "completed")
    ended_status = await paused.wait_finished()
    assert (ended_status.state, ended_status.trials_completed) == (
        OptimizationState.COMPLETED,
        NINE,
    )
    assert_sound_attempts(paused)


async def test_of_two_resumes_at_once_one_is_refused(client: Client, paused: Optimization) -> None:
    path = f"/optimizations/{paused.optimization_id}"
    await post(client, f"{path}/cancel")
    answers = []

    async def resume() -> None:
        answers.append((await post(client, f"{path}/resume"))[0])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(resume)
        nursery.start_soon(resume)
    await paused.wait_finished()
    assert sorted(answers) == [200, 409]
    assert paused.attempts == 2


async def test_a_deleted_one_is_gone_and_its_stream_ends(
    client: Client, gateway: Gateway, paused: Optimization
) -> None:
    path = f"/optimizations/{paused.optimization_id}"
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await paused.wait_finished()).state is OptimizationState.CANCELLED
    assert gateway.optimizations() == []


async def test_a_repeated_request_gets_the_first_answer(
    client: Client, gateway: Gateway, request_body: dict[str, Any]
) -> None:
    key = {"Idempotency-Key": "once"}
    first = await client.post("/optimizations", json=request_body, headers=key)
    await gateway.optimizations()[0].wait_finished()
    again = await client.post("/v1/optimizations", json=request_body, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert await again.get_data() == await first.get_data()
    other = await client.post("/optimizations", json=search(random_seed=7), headers=key)
    assert (other.status_code, len(gateway.optimizations())) == (422, 1)


async def test_the_key_of_a_backtest_is_no_key_of_an_optimization(
    client: Client, gateway: Gateway, request_body: dict[str, Any]
) -> None:
    key = {"Idempotency-Key": "once"}
    backtest = await client.post("/backtests", json=request_body["base_backtest"], headers=key)
    assert backtest.status_code == 201
    searched = await client.post("/optimizations", json=request_body, headers=key)
    assert (searched.status_code, gateway.optimizations()) == (422, [])
    await gateway.wait_idle()


async def test_a_server_that_drains_begins_nothing_and_waits_for_what_runs(
    gateway: Gateway, request_body: dict[str, Any], running: Optimization
) -> None:
    app_state = make_app_state(gateway, Settings())
    client = build_app(app_state).test_client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(app_state.drain)
        await trio.testing.wait_all_tasks_blocked()
        assert (await client.post("/optimizations", json=request_body)).status_code == 503
        path = f"/optimizations/{running.optimization_id}/resume"
        assert (await client.post(path)).status_code == 503
        running.resume()
    assert (await running.wait_finished()).state is OptimizationState.COMPLETED


async def test_a_priority_above_the_servers_limit_is_refused(
    client_of: Callable[..., Client], request_body: dict[str, Any]
) -> None:
    client = client_of(max_priority=0)
    status, body = await post(client, "/optimizations", json=request_body | {"priority": 1})
    assert (status, body["detail"][0]["loc"]) == (422, ["body", "priority"])


async def test_keys_are_needed_where_there_are_keys(
    client_of: Callable[..., Client], request_body: dict[str, Any], gateway: Gateway
) -> None:
    client = client_of(api_keys=("a",))
    assert (await client.get("/optimizations")).status_code == 401
    assert (await client.post("/optimizations", json=request_body)).status_code == 401
    headers = {"X-API-Key": "a"}
    created = await client.post("/optimizations", json=request_body, headers=headers)
    assert created.status_code == 201
    await gateway.optimizations()[0].wait_finished()


def assert_sound_attempts(optimization: Optimization) -> None:
    for number in range(1, optimization.attempts + 1):
        assert_sound(optimization.attempt(number).events(limit=10_000), kind="optimization")
