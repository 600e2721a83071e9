"""The bounds of requests over HTTP: each field's limit, its path and its kind of problem.

Rule: a request differs from a valid one in a single place, and the response must name that place.
"""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from quart.typing import TestClientProtocol as Client

from glowback_trio import Catalogue, InlineCompute, demo_path, open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.server import create_app

JSON = {"Content-Type": "application/json"}


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The document with another value at a dotted path."""
    head, _, rest = path.partition(".")
    inner = changed(document.get(head, {}), rest, value) if rest else value
    return document | {head: inner}


@pytest.mark.parametrize(
    ("path", "value", "kind"),
    [
        ("symbols", [], "too_short"),
        ("symbols", "AAPL", "list_type"),
        ("symbols", None, "list_type"),
        ("start_date", 1704067200, "datetime_type"),
        ("start_date", "yesterday", "datetime_parsing"),
        ("start_date", "2024-02-30", "datetime_parsing"),
        ("start_date", "1850-01-01", "date_range"),
        ("end_date", "9999-12-31", "date_range"),
        ("end_date", "2023-12-31", "value_error"),
        ("end_date", True, "datetime_type"),
        ("resolution", "tick", "literal_error"),
        ("resolution", "daily", "literal_error"),
        ("resolution", 1, "literal_error"),
        ("strategy.name", "covered_call", "not_supported"),
        ("strategy.name", "buy_and_hodl", "enum"),
        ("strategy.name", 3, "str_type"),
        ("strategy", "rsi", "dict_type"),
        ("strategy.extra", 1, "extra_forbidden"),
        ("strategy.params", [], "dict_type"),
        ("strategy.params.short_period", 3, "extra_forbidden"),
        ("strategy.params.position_size", 0, "greater_than"),
        ("strategy.params.position_size", "0.5", "float_type"),
        ("execution.slippage_bps", -1, "greater_than_equal"),
        ("execution.slippage_bps", 1000.5, "less_than_equal"),
        ("execution.slippage_bps", "1.0", "float_type"),
        ("execution.slippage_bps", True, "float_type"),
        ("execution.commission_bps", -0.1, "greater_than_equal"),
        ("execution.commission_bps", 1001, "less_than_equal"),
        ("execution.latency_ms", -1, "greater_than_equal"),
        ("execution.latency_ms", 2_592_000_001, "less_than_equal"),
        ("execution.latency_ms", 1.5, "int_type"),
        ("execution.commission_per_share", -1, "greater_than_equal"),
        ("execution.commission_minimum", -1, "greater_than_equal"),
        ("execution.whole_shares", 1, "bool_type"),
        ("execution.allow_short", "no", "bool_type"),
        ("execution.max_leverage", 0, "greater_than"),
        ("execution.max_volume_participation", 0, "greater_than"),
        ("execution.max_volume_participation", 1.01, "less_than_equal"),
        ("execution.slippage", 1, "extra_forbidden"),
        ("initial_capital", 0, "greater_than"),
        ("initial_capital", -5, "greater_than"),
        ("initial_capital", 1e12 + 1e3, "less_than_equal"),
        ("initial_capital", "1000", "float_type"),
        ("initial_capital", None, "float_type"),
        ("currency", "usd", "string_pattern_mismatch"),
        ("currency", "US", "string_pattern_mismatch"),
        ("timezone", "Mars/Olympus", "value_error"),
        ("timezone", "x" * 65, "too_long"),
        ("timezone", "../../etc/passwd", "value_error"),
        ("benchmark_symbol", "S P Y", "string_pattern_mismatch"),
        ("portfolio_construction.target_weights.MSFT", 0.5, "value_error"),
        ("portfolio_construction.target_weights", {"AAPL": 0.7, "SPY": 0.7}, "value_error"),
        ("portfolio_construction.target_weights", {}, "value_error"),
        ("data_source", "ftp", "literal_error"),
        ("csv_data_path", "prices", "value_error"),
        ("data_quality_mode", "ignore", "literal_error"),
        ("risk_free_rate", 11, "less_than_equal"),
        ("periods_per_year", 0, "greater_than"),
        ("stream.metrics_every", -1, "greater_than_equal"),
        ("stream.progress_steps", 0, "greater_than_equal"),
        ("stream.progress_steps", 1001, "less_than_equal"),
        ("stream.pace_bars_per_s", 0, "greater_than_equal"),
        ("stream.pace_bars_per_s", 0.00099, "greater_than_equal"),
        ("stream.trades", "yes", "bool_type"),
        ("stream.speed", 1, "extra_forbidden"),
        ("symbol", ["AAPL"], "extra_forbidden"),
    ],
)
async def test_every_bound_is_kept_and_names_its_place(
    client: Client, request_body: dict[str, Any], path: str, value: Any, kind: str
) -> None:
    response = await client.post("/backtests", json=changed(request_body, path, value))
    assert response.status_code == 422
    problems = (await response.get_json())["detail"]
    assert (["body", *path.split(".")], kind) in [(each["loc"], each["type"]) for each in problems]
    assert {key for each in problems for key in each} == {"type", "loc", "msg", "input"}


@pytest.mark.parametrize(
    ("symbol", "kind"),
    [
        ("", "string_pattern_mismatch"),
        ("  ", "string_pattern_mismatch"),
        ("../../etc/passwd", "string_pattern_mismatch"),
        ("A..B", "string_pattern_mismatch"),
        ("A" * 33, "string_pattern_mismatch"),
        ("A B", "string_pattern_mismatch"),
        (".A", "string_pattern_mismatch"),
        (7, "str_type"),
        (None, "str_type"),
        (["AAPL"], "str_type"),
        ("SPY", "duplicate"),
    ],
)
async def test_every_symbol_is_checked_by_itself(
    client: Client, request_body: dict[str, Any], symbol: Any, kind: str
) -> None:
    response = await client.post("/backtests", json=request_body | {"symbols": ["SPY", symbol]})
    (problem,) = (await response.get_json())["detail"]
    assert (problem["loc"], problem["type"]) == (["body", "symbols", 1], kind)


async def test_all_complaints_come_at_once_in_both_shapes(client: Client) -> None:
    document = {
        "symbols": ["AAPL", "", "AAPL"],
        "start_date": "soon",
        "strategy": {"name": "ma_crossover", "params": {"short_period": 0, "nope": 1}},
        "execution": {"slippage_bps": -1},
        "colour": "red",
    }
    plain = await client.post("/backtests", json=document)
    versioned = await client.post("/v1/backtests", json=document)
    problems = (await plain.get_json())["detail"]
    assert [".".join(map(str, each["loc"])) for each in problems] == [
        "body.colour",
        "body.symbols.1",
        "body.start_date",
        "body.end_date",
        "body.strategy.params.nope",
        "body.strategy.params.short_period",
        "body.execution.slippage_bps",
    ]
    body = await versioned.get_json()
    assert body["error"] == {
        "code": "validation_error",
        "message": "Request validation failed",
        "details": problems,
    }


async def test_a_misspelt_name_is_refused_with_suggestions(
    client: Client, request_body: dict[str, Any]
) -> None:
    response = await client.post(
        "/backtests", json=request_body | {"inital_capital": 1, "strategy": {"name": "momentun"}}
    )
    messages = [each["msg"] for each in (await response.get_json())["detail"]]
    assert messages == [
        "Unknown field 'inital_capital'; did you mean 'initial_capital'?",
        "Unknown strategy 'momentun'; did you mean 'momentum'?",
    ]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "missing"),
        (b"{", "json_invalid"),
        (b"{'a': 1}", "json_invalid"),
        (b'{"initial_capital": NaN}', "json_invalid"),
        (b'{"initial_capital": Infinity}', "json_invalid"),
        (b'{"initial_capital": 1e999}', "json_invalid"),
        (b'{"symbols": ["\xff"]}', "json_invalid"),
        (b'{"symbols": ["\\ud800"]}', "json_invalid"),
        (b"\xef\xbb\xbf{}", "json_invalid"),
        (b"[" * 1100 + b"]" * 1100, "json_invalid"),
        (b"[" * 100_000, "json_invalid"),
        (b"[]", "dict_type"),
        (b"null", "dict_type"),
        (b'"text"', "dict_type"),
        (b"7", "dict_type"),
    ],
)
async def test_a_body_that_is_no_object_is_422_in_both_shapes(
    client: Client, body: bytes, kind: str
) -> None:
    plain = await client.post("/backtests", data=body, headers=JSON)
    versioned = await client.post("/v1/backtests", data=body, headers=JSON)
    assert plain.status_code == versioned.status_code == 422
    (problem,) = (await plain.get_json())["detail"]
    assert (await versioned.get_json())["error"]["details"] == [problem]
    assert problem["type"] == kind
    assert problem["loc"][0] == "body"


@pytest.mark.parametrize(
    ("body", "locs"),
    [
        (b'{"resolution":"day","resolution":"hour"}', [["body", "resolution"]]),
        (
            b'{"execution":{"slippage_bps":1,"slippage_bps":2},"symbols":[],"symbols":["SPY"]}',
            [["body", "execution", "slippage_bps"], ["body", "symbols"]],
        ),
    ],
)
async def test_a_key_that_stands_twice_is_422_with_its_path(
    client: Client, body: bytes, locs: list[list[str]]
) -> None:
    plain = await client.post("/backtests", data=body, headers=JSON)
    versioned = await client.post("/v1/backtests", data=body, headers=JSON)
    assert plain.status_code == versioned.status_code == 422
    problems = (await plain.get_json())["detail"]
    assert (await versioned.get_json())["error"]["details"] == problems
    assert [each["loc"] for each in problems] == locs
    assert {each["type"] for each in problems} == {"duplicate"}
    assert problems[0]["msg"] == f"Give {locs[0][-1]!r} once: an object has a key only once"


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("gzip", "gzip"),
        ("GZIP", "GZIP"),
        ("br, identity", "br"),
        ("deflate , zstd", "deflate, zstd"),
    ],
)
async def test_a_compressed_body_is_415_with_its_name(
    client: Client, request_body: dict[str, Any], encoding: str, named: str
) -> None:
    body = gzip.compress(orjson.dumps(request_body))
    headers = JSON | {"Content-Encoding": encoding}
    plain = await client.post("/backtests", data=body, headers=headers)
    versioned = await client.post("/v1/backtests", data=body, headers=headers)
    message = f"Send the body uncompressed, not with Content-Encoding: {named}"
    assert plain.status_code == versioned.status_code == 415
    assert plain.headers["Accept-Encoding"] == "identity"
    assert await plain.get_json() == {"detail": message}
    error = (await versioned.get_json())["error"]
    assert (error["code"], error["message"]) == ("unsupported_media_type", message)


@pytest.mark.parametrize("encoding", ["", "identity", "Identity, identity"])
async def test_a_body_that_says_that_it_is_plain_is_taken(
    client: Client, request_body: dict[str, Any], encoding: str
) -> None:
    headers = JSON | {"Content-Encoding": encoding}
    response = await client.post("/backtests", data=orjson.dumps(request_body), headers=headers)
    assert response.status_code == 201


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_of_another_type_is_422(
    client: Client, request_body: dict[str, Any], content_type: str
) -> None:
    response = await client.post(
        "/backtests", data=orjson.dumps(request_body), headers={"Content-Type": content_type}
    )
    assert response.status_code == 422
    (problem,) = (await response.get_json())["detail"]
    assert problem["type"] == "model_attributes_type"


async def test_a_charset_after_the_type_does_no_harm(
    client: Client, request_body: dict[str, Any]
) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    response = await client.post("/backtests", data=orjson.dumps(request_body), headers=headers)
    assert response.status_code == 201


@pytest.mark.parametrize(
    "value",
    [
        b"[" * 600 + b"]" * 600,
        b'{"a":' * 600 + b"1" + b"}" * 600,
        b"123456789012345678901234567890",
        b'"' + b"x" * 100_000 + b'"',
        b"[" + b"0," * 100_000 + b"0]",
    ],
    ids=["deep list", "deep object", "huge number", "long text", "long list"],
)
async def test_no_value_of_a_client_can_break_or_bloat_the_answer(
    client: Client, value: bytes
) -> None:
    for field in (b"strategy", b"initial_capital", b"currency", b"nonsense"):
        body = b'{"%s": %s}' % (field, value)
        response = await client.post("/backtests", data=body, headers=JSON)
        assert response.status_code == 422, field
        assert len(await response.get_data()) < 5000


@pytest.mark.parametrize(
    "body",
    [
        b'{"symbols": [' + b"1," * 400_000 + b"1]}",
        b"[" + b"1," * 4000 + b"1]",
        b"{" + b",".join(b'"k%d":1' % n for n in range(4001)) + b"}",
        (b"[" + b"[]," * 999) * 300 + b"0" + b"]" * 300,
    ],
    ids=["symbols", "list", "object", "deep"],
)
async def test_a_document_larger_than_any_request_is_one_mistake(
    client: Client, body: bytes
) -> None:
    response = await client.post("/backtests", data=body, headers=JSON)
    (problem,) = (await response.get_json())["detail"]
    assert (problem["type"], problem["loc"]) == ("too_long", ["body"])


async def test_the_largest_request_is_not_too_large(
    client: Client, request_body: dict[str, Any]
) -> None:
    symbols = [f"S{number}" for number in range(1000)]
    weights = dict.fromkeys(symbols, 0.001)
    document = request_body | {
        "symbols": symbols,
        "portfolio_construction": {"target_weights": weights},
    }
    response = await client.post("/backtests", json=document)
    (problem,) = (await response.get_json())["detail"]
    assert problem["loc"] == ["body", "strategy"]


async def test_a_symbol_over_the_limit_is_reported_at_its_place(
    client: Client, request_body: dict[str, Any]
) -> None:
    symbols = [f"S{number}" for number in range(1001)]
    response = await client.post("/backtests", json=request_body | {"symbols": symbols})
    (problem,) = (await response.get_json())["detail"]
    assert (problem["type"], problem["loc"]) == ("too_long", ["body", "symbols"])


async def test_more_than_a_thousand_complaints_are_counted_instead_of_listed(
    client: Client,
) -> None:
    many = {f"k{n}": 1 for n in range(1000)}
    response = await client.post("/backtests", json={"execution": many, "stream": many})
    problems = (await response.get_json())["detail"]
    assert len(problems) == 1001
    assert problems[-1]["msg"] == "and 1003 more problems"


async def test_a_long_name_is_not_echoed_whole(client: Client) -> None:
    response = await client.post("/backtests", json={"k" * 50_000: 1})
    assert len(await response.get_data()) < 3000


async def test_nothing_refused_leaves_a_run_behind(client: Client, gateway: Gateway) -> None:
    for body in (b"{", b'{"symbols": [""]}', b'{"strategy": {"params": {"a": [[[]]]}}}'):
        await client.post("/backtests", data=body, headers=JSON)
    assert gateway.runs() == []


@pytest.fixture
async def demo_client() -> AsyncIterator[Client]:
    """A client of a gateway with a data directory and without the sample generator."""
    prices = Catalogue(demo_path(), allow_sample=False)
    async with open_gateway(data=prices, compute=InlineCompute()) as gateway:
        yield create_app(gateway).test_client()


async def test_an_unknown_symbol_is_refused_with_the_nearest_names(
    demo_client: Client, request_body: dict[str, Any]
) -> None:
    response = await demo_client.post(
        "/backtests", json=request_body | {"symbols": ["AAPL", "AAPLE"]}
    )
    (problem,) = (await response.get_json())["detail"]
    assert problem["loc"] == ["body", "symbols", 1]
    assert "AAPL" in problem["msg"]


async def test_the_sample_generator_can_be_forbidden(
    demo_client: Client, request_body: dict[str, Any]
) -> None:
    response = await demo_client.post("/backtests", json=request_body | {"data_source": "sample"})
    (problem,) = (await response.get_json())["detail"]
    assert problem["loc"] == ["body", "data_source"]


@pytest.mark.parametrize("path", ["/etc", "../..", "a/../../..", "nowhere", "a\x00b"])
async def test_a_path_never_leads_out_of_the_data_directory(
    demo_client: Client, request_body: dict[str, Any], path: str
) -> None:
    response = await demo_client.post(
        "/backtests", json=request_body | {"data_source": "csv", "csv_data_path": path}
    )
    assert response.status_code == 422
    body = await response.get_data(as_text=True)
    assert str(Path(demo_path()).parent) not in body


async def test_more_bars_than_the_limit_are_refused_with_both_numbers(
    client: Client, request_body: dict[str, Any]
) -> None:
    response = await client.post(
        "/backtests",
        json=request_body
        | {"start_date": "1900-01-01", "end_date": "2199-12-31", "resolution": "minute"},
    )
    assert response.status_code == 422
    messages = " ".join(each["msg"] for each in (await response.get_json())["detail"])
    assert "20,000,000" in messages


async def test_dates_without_an_offset_mean_utc(
    client_of: Callable[..., Client], gateway: Gateway, request_body: dict[str, Any]
) -> None:
    response = await client_of().post(
        "/backtests", json=request_body | {"start_date": "2024-01-02"}
    )
    run = gateway.run((await response.get_json())["run_id"])
    assert run.request.start_date.isoformat() == "2024-01-02T00:00:00+00:00"
