"""The routes of backtests, strategies, datasets and health, without a socket.

Rule: where the `/v1` prefix could make a difference, a route is tried with and without it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import trio
from quart.typing import TestClientProtocol as Client
from support.held_compute import HeldCompute
from support.raw_http import open_request, read_response

from glowback_trio import Run, open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.server import create_app

BOTH = pytest.mark.parametrize("prefix", ["", "/v1"])


async def test_a_posted_backtest_is_created_and_can_be_found(
    client: Client, request_body: dict[str, Any]
) -> None:
    created = await client.post("/backtests", json=request_body)
    status = await created.get_json()
    assert created.status_code == 201
    assert created.headers["Location"] == f"/backtests/{status['run_id']}"
    assert uuid.UUID(status["run_id"]).version == 4
    assert status["state"] == "queued"
    assert status["progress"] == 0
    found = await client.get(created.headers["Location"])
    assert (await found.get_json())["run_id"] == status["run_id"]


async def test_versions_share_their_runs_and_keep_their_prefix(
    client: Client, request_body: dict[str, Any]
) -> None:
    created = await client.post("/v1/backtests", json=request_body)
    run_id = (await created.get_json())["run_id"]
    assert created.headers["Location"] == f"/v1/backtests/{run_id}"
    assert (await client.get(f"/backtests/{run_id}")).status_code == 200


async def test_a_completed_run_says_so_exactly(client: Client, finished: Run) -> None:
    status = await (await client.get(f"/backtests/{finished.run_id}")).get_json()
    assert status["state"] == "completed"
    assert status["progress"] == 1.0
    assert status["created_at"].endswith("Z")
    assert status["started_at"] <= status["finished_at"]
    assert status["error"] is None


async def test_a_completed_run_shows_the_headline_of_its_result(
    client: Client, finished: Run, endless: Run
) -> None:
    result = await (await client.get(f"/backtests/{finished.run_id}/results")).get_json()
    summary = result["metrics_summary"]
    headline = {name: summary[name] for name in ("total_return", "sharpe_ratio", "max_drawdown")}
    headline["num_trades"] = summary["total_trades"]
    assert summary["total_trades"] > 0
    status = await (await client.get(f"/backtests/{finished.run_id}")).get_json()
    assert status["metrics"] == headline
    listed = await (await client.get("/backtests")).get_json()
    assert {each["run_id"]: each["metrics"] for each in listed} == {
        finished.run_id: headline,
        endless.run_id: None,
    }


async def test_a_list_is_searched_by_all_that_names_a_run(client: Client, finished: Run) -> None:
    for text, count in (("CROSSOVER", 1), ("aapl", 1), (finished.run_id[:9], 1), ("rsi", 0)):
        listed = await (await client.get(f"/backtests?search={text}")).get_json()
        assert len(listed) == count, text


async def test_the_pace_of_a_run_is_set_until_it_has_ended(
    client: Client, finished: Run, endless: Run
) -> None:
    path = f"/backtests/{endless.run_id}/pace"
    answer = await client.post(path, json={"bars_per_s": 20})
    assert answer.status_code == 200
    assert (await answer.get_json())["pace_bars_per_s"] == 20.0
    assert endless.status.pace_bars_per_s == 20.0
    for body in ({}, {"bars_per_s": 0}, {"bars_per_s": "2"}, {"bars_per_s": 1, "x": 1}):
        assert (await client.post(path, json=body)).status_code == 422
    refused = await client.post(f"/backtests/{finished.run_id}/pace", json={"bars_per_s": 1})
    assert refused.status_code == 409
    assert (await client.post(path, json={"bars_per_s": None})).status_code == 200
    with trio.fail_after(10):
        await endless.wait_finished()


UNKNOWN_RUN = (
    "Run not found: no run has this id, or no longer; GET /backtests lists those there are"
)


@BOTH
async def test_an_unknown_run_is_404_on_every_route_that_names_one(
    client: Client, prefix: str
) -> None:
    for send, tail in (
        (client.get, ""),
        (client.get, "/results"),
        (client.get, "/events"),
        (client.get, "/stream"),
        (client.post, "/cancel"),
        (client.post, "/pause"),
        (client.post, "/resume"),
        (client.delete, ""),
    ):
        response = await send(f"{prefix}/backtests/nope{tail}")
        assert response.status_code == 404, tail
        body = await response.get_json()
        if prefix:
            assert body == {
                "error": {"code": "not_found", "message": UNKNOWN_RUN, "details": None},
                "request_id": response.headers["X-Request-ID"],
            }
        else:
            assert body == {"detail": UNKNOWN_RUN}


@pytest.mark.parametrize(
    "run_id", ["%00", "a%00b", "%ff%fe", "..", "x" * 5000, "%E2%80%AE", "'; DROP TABLE runs"]
)
async def test_an_odd_run_id_is_404(client: Client, run_id: str) -> None:
    assert (await client.get(f"/backtests/{run_id}")).status_code == 404


async def test_results_wait_for_the_end(client: Client, endless: Run) -> None:
    response = await client.get(f"/v1/backtests/{endless.run_id}/results")
    assert response.status_code == 409
    error = (await response.get_json())["error"]
    assert error == {"code": "conflict", "message": "Results not ready", "details": None}


async def test_results_of_a_cancelled_run_say_that_it_was_cancelled(
    client: Client, endless: Run
) -> None:
    endless.cancel("enough")
    await endless.wait_finished()
    response = await client.get(f"/backtests/{endless.run_id}/results")
    assert response.status_code == 409
    assert await response.get_json() == {"detail": "Run cancelled: enough"}


async def test_results_of_a_failed_run_say_why_it_failed(
    client: Client, submit: Callable[..., Run]
) -> None:
    run = submit(start_date="2024-01-06", end_date="2024-01-07")  # a weekend: no bars
    status = await run.wait_finished()
    assert status.state == "failed"
    response = await client.get(f"/backtests/{run.run_id}/results")
    assert response.status_code == 409
    assert (await response.get_json())["detail"] == f"Run failed: {status.error}"


async def test_results_hold_the_whole_result(client: Client, finished: Run) -> None:
    response = await client.get(f"/backtests/{finished.run_id}/results")
    document = await response.get_json()
    assert document["run_id"] == finished.run_id
    assert len(document["equity_curve"]) == len(finished.result().curve)
    assert document["metrics_summary"]["total_trades"] == len(document["trades"]) > 0


async def test_results_are_compact_json_in_one_piece(client: Client, finished: Run) -> None:
    response = await client.get(f"/backtests/{finished.run_id}/results")
    body = await response.get_data(as_text=True)
    assert response.content_type == "application/json"
    assert '": ' not in body
    assert "NaN" not in body


async def test_cancelling_a_live_run_is_202_and_ends_it(client: Client, endless: Run) -> None:
    response = await client.post(f"/backtests/{endless.run_id}/cancel")
    assert response.status_code == 202
    status = await endless.wait_finished()
    assert (status.state, status.error) == ("cancelled", "cancelled by a client")


async def test_a_run_is_paused_and_resumed(client: Client, endless: Run) -> None:
    for _ in range(2):
        response = await client.post(f"/backtests/{endless.run_id}/pause")
        assert (response.status_code, (await response.get_json())["paused"]) == (200, True)
    assert endless.status.paused
    response = await client.post(f"/v1/backtests/{endless.run_id}/resume")
    assert (response.status_code, (await response.get_json())["paused"]) == (200, False)


async def test_a_run_that_has_ended_cannot_be_paused(client: Client, finished: Run) -> None:
    response = await client.post(f"/backtests/{finished.run_id}/pause")
    assert (response.status_code, (await response.get_json())["paused"]) == (200, False)


async def test_cancelling_twice_changes_nothing(client: Client, endless: Run) -> None:
    await client.post(f"/backtests/{endless.run_id}/cancel")
    before = await endless.wait_finished()
    response = await client.post(f"/backtests/{endless.run_id}/cancel")
    assert response.status_code == 200
    assert (await response.get_json())["state"] == "cancelled"
    assert endless.status == before


async def test_cancelling_a_finished_run_leaves_it_completed(client: Client, finished: Run) -> None:
    response = await client.post(f"/backtests/{finished.run_id}/cancel")
    assert response.status_code == 200
    assert (await response.get_json())["state"] == "completed"


async def test_a_deleted_run_is_gone_and_was_cancelled_first(client: Client, endless: Run) -> None:
    response = await client.delete(f"/backtests/{endless.run_id}")
    assert response.status_code == 204
    assert await response.get_data() == b""
    assert (await endless.wait_finished()).error == "deleted"
    assert (await client.get(f"/backtests/{endless.run_id}")).status_code == 404
    assert (await client.delete(f"/backtests/{endless.run_id}")).status_code == 404


async def test_the_list_is_newest_first_and_pages_to_the_end(
    client: Client, submit: Callable[..., Run]
) -> None:
    runs = [submit() for _ in range(5)]
    page, seen = "/v1/backtests?limit=2", []
    while page:
        response = await client.get(page)
        seen.append([status["run_id"] for status in await response.get_json()])
        page = response.headers.get("Link", "").partition(">")[0].removeprefix("<")
    newest_first = [run.run_id for run in reversed(runs)]
    assert seen == [newest_first[:2], newest_first[2:4], newest_first[4:]]


async def test_the_list_filters_by_state_and_keeps_the_filter_while_paging(
    client: Client, endless: Run, finished: Run, submit: Callable[..., Run]
) -> None:
    other = submit()
    await other.wait_finished()
    response = await client.get("/backtests?state=completed&limit=1")
    assert [status["run_id"] for status in await response.get_json()] == [other.run_id]
    assert response.headers["Link"] == (
        f'</backtests?state=completed&limit=1&before={other.run_id}>; rel="next"'
    )
    running = await (await client.get("/backtests?state=running")).get_json()
    assert [status["run_id"] for status in running] == [endless.run_id]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("state=paused", "state"),
        ("before=nobody", "before"),
    ],
)
async def test_a_bad_list_query_is_refused_with_its_place(
    client: Client, query: str, name: str
) -> None:
    response = await client.get(f"/backtests?{query}")
    assert response.status_code == 422
    assert [problem["loc"] for problem in (await response.get_json())["detail"]] == [
        ["query", name]
    ]


@pytest.mark.parametrize(
    ("path", "name", "hint"),
    [
        ("/backtests?stat=running", "stat", "did you mean 'state' or 'strategy'?"),
        ("/backtests/{run}?verbose=1", "verbose", "this route takes none"),
        ("/backtests/{run}/events?last_event_id=3", "last_event_id", "known: after, limit, types"),
        ("/backtests/{run}/events?after=3&type=trade", "type", "did you mean 'types'?"),
        ("/backtests/{run}/results?max_point=12", "max_point", "did you mean 'max_points'?"),
        ("/backtests/{run}/equity.csv?max_points=12", "max_points", "this route takes none"),
        ("/strategies?name=rsi", "name", "this route takes none"),
    ],
)
async def test_an_unknown_parameter_is_refused_and_not_ignored(
    client: Client, finished: Run, path: str, name: str, hint: str
) -> None:
    response = await client.get(path.format(run=finished.run_id))
    assert response.status_code == 422
    (problem,) = (await response.get_json())["detail"]
    assert problem["loc"] == ["query", name]
    assert problem["msg"] == f"Unknown parameter {name!r}; {hint}"


@pytest.mark.parametrize(
    "path",
    [
        "/backtests?_=123",
        "/strategies?api_key=k",
        "/healthz?probe=1",
        "/readyz?v",
        "/?utm_source=x",
    ],
)
async def test_what_caches_probes_and_links_add_is_left_alone(client: Client, path: str) -> None:
    assert (await client.get(path)).status_code == 200


async def test_a_wrong_method_is_405_with_those_there_are(client: Client) -> None:
    response = await client.delete("/backtests")
    assert response.status_code == 405
    allowed = response.headers["Allow"]
    assert {"GET", "POST"} <= set(allowed.split(", "))
    assert await response.get_json() == {"detail": f"Method Not Allowed: this path takes {allowed}"}


async def test_an_unknown_form_of_a_table_is_404_with_those_there_are(
    client: Client, finished: Run
) -> None:
    response = await client.get(f"/backtests/{finished.run_id}/equity.xls")
    assert response.status_code == 404
    assert await response.get_json() == {
        "detail": "Not Found: a table is had as csv, ndjson, parquet, not 'xls'"
    }


async def test_strategies_list_types_defaults_and_ranges(client: Client) -> None:
    listed = {each["name"]: each for each in await (await client.get("/strategies")).get_json()}
    assert set(listed) == {
        "buy_and_hold",
        "ma_crossover",
        "momentum",
        "mean_reversion",
        "rsi",
        "target_weights",
    }
    crossover = listed["ma_crossover"]
    assert crossover["aliases"] == ["moving_average_crossover"]
    parameters = {each["name"]: each for each in crossover["parameters"]}
    assert parameters["short_period"] == {
        "name": "short_period",
        "type": "integer",
        "minimum": 1,
        "maximum": 1_000_000,
        "default": 10,
    }
    assert parameters["direction"]["enum"] == ["long_short", "long_only"]


async def test_datasets_list_what_the_gateway_has(client: Client) -> None:
    listed = await (await client.get("/datasets")).get_json()
    assert {each["source"] for each in listed} == {"sample"}
    assert {each["resolution"] for each in listed} == {"second", "minute", "hour", "day"}


@BOTH
async def test_health_and_readiness(client: Client, prefix: str) -> None:
    health = await client.get(f"{prefix}/healthz")
    assert (await health.get_json())["status"] == "healthy"
    assert (await client.get(f"{prefix}/readyz")).status_code == 200


async def test_a_closed_gateway_is_alive_but_not_ready(
    client: Client, gateway: Gateway, request_body: dict[str, Any]
) -> None:
    gateway.close("going home")
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).status_code == 503
    refused = await client.post("/v1/backtests", json=request_body)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "5"
    assert (await refused.get_json())["error"]["code"] == "unavailable"


async def test_a_full_queue_is_503_and_says_when_to_come_back(request_body: dict[str, Any]) -> None:
    async with open_gateway(compute=HeldCompute(), max_running=1, max_queued=1) as gateway:
        client = create_app(gateway).test_client()
        slow = request_body | {"stream": {"pace_bars_per_s": 0.001}}
        statuses = [(await client.post("/backtests", json=slow)) for _ in range(3)]
        assert [each.status_code for each in statuses] == [201, 201, 503]
        assert statuses[-1].headers["Retry-After"] == "5"


async def test_the_stream_path_answers_plain_requests_with_426(url: str, finished: Run) -> None:
    with trio.fail_after(5):
        path = f"/backtests/{finished.run_id}/stream"
        async with open_request(url, path) as stream:
            answer = await read_response(stream)
            await stream.send_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await read_response(stream)).status == 200  # the connection is still good
    assert answer.status == 426
    assert answer.headers["upgrade"] == "websocket"
