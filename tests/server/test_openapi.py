"""The OpenAPI document: valid, complete, and true.

Rule: real responses are compared with it, closed against fields that it does not name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its types are a package of their own
import openapi_spec_validator
import pytest
from quart.typing import TestClientProtocol as Client
from quart.wrappers import Response
from support.served_searches import ended, search

from glowback_trio import Run
from glowback_trio.actors import Gateway
from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.strategies.parameters import STRATEGIES
from glowback_trio.server.openapi.document import openapi_document
from glowback_trio.server.routes.table import ROUTES
from glowback_trio.wire.converter import make_converter
from glowback_trio.wire.requests import parse_request

DOCUMENT: Any = openapi_document(ROUTES)
EVENTS = DOCUMENT["paths"]["/optimizations/{optimization_id}/events"]["get"]["responses"]["200"][
    "content"
]["application/json"]["schema"]["items"]


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects inside a document."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from walk(inner)


def exactly(schema: Any) -> Any:
    """Close a schema against fields that it does not name, so that a test finds omissions."""
    if isinstance(schema, list):
        return [exactly(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: exactly(value) for name, value in schema.items()}
    if "properties" in schema and "type" in schema:
        closed.setdefault("additionalProperties", False)
    return closed


def check(value: object, schema: Mapping[str, Any]) -> None:
    """Validate a value with a schema of the document."""
    components = exactly(DOCUMENT["components"])
    validator = jsonschema.Draft202012Validator({**exactly(schema), "components": components})
    validator.validate(value)


async def check_answer(response: Response, method: str, path: str) -> None:
    """Validate a response with the description of its route and status."""
    promised = DOCUMENT["paths"][path][method]["responses"][str(response.status_code)]
    for name in promised["headers"]:
        assert name in response.headers or name == "Link"
    if "content" in promised:
        schema = promised["content"][response.headers["Content-Type"]]["schema"]
        check(await response.get_json(), schema)


def test_the_document_is_valid_openapi() -> None:
    openapi_spec_validator.validate(DOCUMENT)


def test_no_reference_dangles_and_no_schema_is_unused() -> None:
    names = {each["$ref"].rpartition("/")[2] for each in walk(DOCUMENT) if "$ref" in each}
    mapped = DOCUMENT["components"]["schemas"]["Strategy"]["discriminator"]["mapping"].values()
    names |= {reference.rpartition("/")[2] for reference in mapped}
    assert names == set(DOCUMENT["components"]["schemas"])


def test_every_listed_route_is_there_in_both_versions() -> None:
    described = {(path, method) for path, item in DOCUMENT["paths"].items() for method in item}
    assert described == {
        (prefix + route.path, route.method.lower())
        for prefix in ("", "/v1")
        for route in ROUTES
        if route.documented
    }


def test_operations_have_names_of_their_own_and_say_what_they_do() -> None:
    operations = [each for each in walk(DOCUMENT["paths"]) if "responses" in each]
    assert len({each["operationId"] for each in operations}) == len(operations)
    assert all(each["summary"] and each["description"] for each in operations)
    assert not any("`" in each["summary"] for each in operations)


def test_what_a_new_run_leads_to_is_there() -> None:
    for prefix in ("", "/v1"):
        operations = DOCUMENT["paths"][f"{prefix}/backtests"]
        links = operations["post"]["responses"]["201"]["links"].values()
        assert {link["operationId"] for link in links} == {
            operation["operationId"]
            for path, item in DOCUMENT["paths"].items()
            if path.startswith(f"{prefix}/backtests/{{run_id}}")
            for operation in item.values()
        }
        assert all(list(link["parameters"]) == ["run_id"] for link in links)


def test_what_a_new_optimization_leads_to_is_there() -> None:
    for prefix in ("", "/v1"):
        operations = DOCUMENT["paths"][f"{prefix}/optimizations"]
        links = operations["post"]["responses"]["201"]["links"].values()
        assert {link["operationId"] for link in links} == {
            operation["operationId"]
            for path, item in DOCUMENT["paths"].items()
            if path.startswith(f"{prefix}/optimizations/{{optimization_id}}")
            for operation in item.values()
        }
        assert all(list(link["parameters"]) == ["optimization_id"] for link in links)


def test_every_field_of_a_request_has_a_description() -> None:
    for name in (
        "BacktestRequest",
        "Execution",
        "Stream",
        "OptimizationRequest",
        "SearchSpace",
        "Parameter",
        "Objective",
        "RayCluster",
    ):
        properties = DOCUMENT["components"]["schemas"][name]["properties"]
        assert [field for field, schema in properties.items() if "description" not in schema] == []


def test_the_document_speaks_json_and_no_python() -> None:
    texts = [str(each.get("description", "")) for each in walk(DOCUMENT)]
    assert not [text for text in texts if re.search(r"\bNone\b|\bTrue\b|\bFalse\b", text)]


def test_the_examples_are_accepted() -> None:
    for route in ROUTES:
        if route.example is not None:
            assert route.body is not None
            assert isinstance(make_converter().structure(route.example, route.body), route.body)
            check(route.example, {"$ref": f"#/components/schemas/{route.body.__name__}"})


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"strategy": {}},
        {"strategy": {"params": {"position_size": 0.5}}},
        {"strategy": {"name": "moving_average_crossover"}},
        {"execution": {"latency_ms": None, "whole_shares": True}},
        {"stream": {"metrics_every": 0}},
        *({"strategy": {"name": name}} for name in STRATEGIES if name != "target_weights"),
        {
            "strategy": {"name": "target_weights"},
            "portfolio_construction": {"target_weights": {"AAPL": 1}},
        },
    ],
)
def test_what_is_accepted_is_described(
    request_body: dict[str, Any], change: dict[str, Any]
) -> None:
    parse_request(request_body | change)
    check(request_body | change, {"$ref": "#/components/schemas/BacktestRequest"})


@pytest.mark.parametrize(
    "change",
    [
        {"symbols": []},
        {"symbols": ["../x"]},
        {"strategy": {"name": "nope"}},
        {"strategy": {"name": "rsi", "params": {"short_period": 3}}},
        {"strategy": {"params": {"position_size": 0}}},
        {"execution": {"latency_ms": 1.5}},
        {"execution": {"slippage_bps": "1"}},
        {"initial_capital": 0},
        {"resolution": "tick"},
        {"currency": "usd"},
        {"colour": "red"},
    ],
)
def test_what_the_description_refuses_is_refused(
    request_body: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequestError):
        parse_request(request_body | change)
    with pytest.raises(jsonschema.ValidationError):
        check(request_body | change, {"$ref": "#/components/schemas/BacktestRequest"})


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_answers_are_what_the_document_promises(
    client: Client,
    finished: Run,
    endless: Run,
    request_body: dict[str, Any],
    prefix: str,
) -> None:
    done, live = f"{prefix}/backtests/{finished.run_id}", f"{prefix}/backtests/{endless.run_id}"
    one = f"{prefix}/backtests/{{run_id}}"
    created = await client.post(f"{prefix}/backtests", json=request_body)
    await check_answer(created, "post", f"{prefix}/backtests")
    refused = await client.post(f"{prefix}/backtests", json={"symbols": [1, [2]]})
    await check_answer(refused, "post", f"{prefix}/backtests")
    compressed = {"Content-Encoding": "gzip"}
    refused = await client.post(f"{prefix}/backtests", json={}, headers=compressed)
    await check_answer(refused, "post", f"{prefix}/backtests")
    for url, path in (
        (f"{prefix}/backtests?limit=1", f"{prefix}/backtests"),
        (f"{prefix}/backtests?limit=x", f"{prefix}/backtests"),
        (done, one),
        (f"{prefix}/backtests/nobody", one),
        (f"{done}/results", f"{one}/results"),
        (f"{live}/results", f"{one}/results"),
        (f"{done}/results?from=2024-02-01&to=2024-02-29", f"{one}/results"),
        (f"{done}/bars?max_points=9", f"{one}/bars"),
        (f"{prefix}/datasets/AAPL/bars", f"{prefix}/datasets/{{symbol}}/bars"),
        (f"{prefix}/datasets/AAPL/quality", f"{prefix}/datasets/{{symbol}}/quality"),
        (f"{done}/events", f"{one}/events"),
        (f"{done}/events?after=99999", f"{one}/events"),
        (f"{done}/stream", f"{one}/stream"),
        (f"{done}/difference?with={endless.run_id}", f"{one}/difference"),
        (f"{prefix}/changes/events", f"{prefix}/changes/events"),
        (f"{prefix}/changes/stream", f"{prefix}/changes/stream"),
        (f"{prefix}/strategies", f"{prefix}/strategies"),
        (f"{prefix}/datasets", f"{prefix}/datasets"),
        (f"{prefix}/healthz", f"{prefix}/healthz"),
        (f"{prefix}/readyz", f"{prefix}/readyz"),
    ):
        await check_answer(await client.get(url), "get", path)
    tickets = f"{prefix}/stream-tickets"
    await check_answer(await client.post(tickets), "post", tickets)
    await check_answer(await client.post(f"{live}/cancel"), "post", f"{one}/cancel")
    await check_answer(await client.post(f"{done}/cancel"), "post", f"{one}/cancel")
    await check_answer(await client.delete(done), "delete", one)


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_answers_on_optimizations_are_what_the_document_promises(
    client: Client, gateway: Gateway, prefix: str
) -> None:
    created = await client.post(f"{prefix}/optimizations", json=search())
    await check_answer(created, "post", f"{prefix}/optimizations")
    refused = await client.post(f"{prefix}/optimizations", json=search(max_trials=0))
    await check_answer(refused, "post", f"{prefix}/optimizations")
    (optimization,) = gateway.optimizations()
    await optimization.wait_finished()
    done = f"{prefix}/optimizations/{optimization.optimization_id}"
    one = f"{prefix}/optimizations/{{optimization_id}}"
    for url, path in (
        (f"{prefix}/optimizations?limit=1", f"{prefix}/optimizations"),
        (f"{prefix}/optimizations?limit=x", f"{prefix}/optimizations"),
        (done, one),
        (f"{prefix}/optimizations/nobody", one),
        (f"{done}/request", f"{one}/request"),
        (f"{done}/results", f"{one}/results"),
        (f"{done}/events", f"{one}/events"),
        (f"{done}/events?after=99999", f"{one}/events"),
        (f"{done}/stream", f"{one}/stream"),
    ):
        await check_answer(await client.get(url), "get", path)
    for url in (f"{prefix}/ledger", f"{prefix}/ledger?dataset=x"):
        await check_answer(await client.get(url), "get", f"{prefix}/ledger")
    run = await client.post(f"{done}/trials/1/run")
    await check_answer(run, "post", f"{one}/trials/{{trial_number}}/run")
    for verb in ("cancel", "pause", "resume"):
        await check_answer(await client.post(f"{done}/{verb}"), "post", f"{one}/{verb}")
    await check_answer(await client.delete(done), "delete", one)
    await gateway.wait_idle()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"validation_mode": "walk_forward"},
        {"validation_mode": "walk_forward_refit"},
        {"validation_mode": "purged_k_fold"},
        {"validation_mode": "cpcv"},
        {"strategy": "sobol", "max_trials": 5},
    ],
)
async def test_every_event_of_an_optimization_is_described(
    gateway: Gateway, changes: dict[str, Any]
) -> None:
    optimization = await ended(gateway, **changes)
    assert optimization.status.error is None
    for event in await optimization.load_events(limit=1000):
        check(event.decode(), EVENTS)


async def test_a_portfolio_is_reported_as_the_document_promises(
    client: Client, gateway: Gateway, request_body: dict[str, Any]
) -> None:
    del request_body["strategy"]
    limits = {"max_weight_pct": 30, "max_turnover_pct": 10, "max_drawdown_pct": 1}
    weights = {"target_weights": {"AAPL": 0.7, "MSFT": 0.3}, "cash_floor_pct": 10, **limits}
    portfolio = {"symbols": ["AAPL", "MSFT"], "portfolio_construction": weights}
    created = await client.post("/backtests", json=request_body | portfolio)
    run_id = (await created.get_json())["run_id"]
    await gateway.run(run_id).wait_finished()
    answer = await client.get(f"/backtests/{run_id}/results")
    await check_answer(answer, "get", "/backtests/{run_id}/results")
    result = await answer.get_json()
    hits = {hit["constraint"] for hit in result["constraint_hits"]}
    assert hits == {"cash_floor", "max_weight_cap", "turnover_cap", "max_drawdown_guard"}
    assert len(result["portfolio_diagnostics"]) == len(result["equity_curve"])


async def test_the_served_document_is_this_one(client: Client) -> None:
    response = await client.get("/openapi.json")
    assert await response.get_json() == DOCUMENT
