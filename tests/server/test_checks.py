"""The checks before a handler: their order, their errors, and the headers of every response.

Rule: a request that fails two checks shows which of them comes first.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable

import httpx2
import orjson
import pytest
import trio
from quart.typing import TestClientProtocol as Client
from support.optimizations import search_request
from support.raw_http import connect, open_request, read_response, send_raw
from support.served import Serve

from glowback_trio import Run
from glowback_trio.actors import Gateway
from glowback_trio.server.routes import table as registry

ClientOf = Callable[..., Client]

ALL_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "geolocation=(), microphone=(), camera=()",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


# Keys


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-API-Key": "k2"}, 200),
        ({"X-API-Key": "k3"}, 401),
        ({"X-API-Key": "k1,k2"}, 401),
        ({"X-API-Key": "clé"}, 401),
        ({"Authorization": "Bearer k1"}, 200),
        ({"Authorization": "bearer  k1 "}, 200),
        ({"Authorization": "Bearer wrong", "X-API-Key": "k1"}, 401),
        ({"Authorization": "Bearer ", "X-API-Key": "k1"}, 200),
        ({"Authorization": "Basic azE6", "X-API-Key": "k1"}, 200),
        ({"Authorization": "Basic azE6"}, 401),
    ],
)
async def test_the_first_source_of_a_key_that_is_present_decides(
    client_of: ClientOf, headers: dict[str, str], status: int
) -> None:
    response = await client_of(api_keys=("k1", "k2")).get("/v1/backtests", headers=headers)
    assert response.status_code == status
    if status == 401:
        assert response.headers["WWW-Authenticate"] == "Bearer"
        error = (await response.get_json())["error"]
        presented = any(value not in ("Bearer ", "Basic azE6") for value in headers.values())
        assert error["code"] == "unauthorized"
        assert error["message"] == (
            f"{'Invalid' if presented else 'Missing'} API key: send a key of this server as "
            "'Authorization: Bearer KEY' or 'X-API-Key: KEY'"
        )


async def test_a_key_in_the_query_opens_no_http_route(client_of: ClientOf) -> None:
    assert (await client_of(api_keys=("k",)).get("/backtests?api_key=k")).status_code == 401


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/healthz", "/readyz", "/v1/healthz"]
)
async def test_pages_and_health_are_open(client_of: ClientOf, path: str) -> None:
    assert (await client_of(api_keys=("k",)).get(path)).status_code == 200


@pytest.mark.parametrize(("method", "status"), [("get", 404), ("put", 405)])
async def test_routing_comes_before_the_key(client_of: ClientOf, method: str, status: int) -> None:
    client = client_of(api_keys=("k",))
    send = getattr(client, method)
    assert (await send("/nowhere" if status == 404 else "/backtests")).status_code == status


async def test_no_route_of_the_api_forgets_its_key(client_of: ClientOf) -> None:
    client = client_of(api_keys=("k",))
    methods = {
        "GET": client.get,
        "POST": client.post,
        "PATCH": client.patch,
        "DELETE": client.delete,
    }
    for route in registry.ROUTES:
        response = await methods[route.method](route.path.replace("{run_id}", "x"))
        assert (response.status_code == 401) == route.needs_key, route.path


# The order of checks


async def test_the_declared_size_comes_before_the_key(serve_with: Serve) -> None:
    url = await serve_with(api_keys=("k",), max_body_bytes=100)
    head = b"POST /v1/backtests HTTP/1.1\r\nHost: localhost\r\nContent-Length: 101\r\n\r\n"
    answer = await send_raw(url, head)
    assert answer.status == 413
    error = orjson.loads(answer.body)["error"]
    assert error["code"] == "request_too_large"
    assert (
        error["message"]
        == "Request body too large: GLOWBACK_MAX_BODY_BYTES allows at most 100 bytes"
    )


async def test_the_key_comes_before_the_body(client_of: ClientOf) -> None:
    response = await client_of(api_keys=("k",)).post("/backtests", data=b"{")
    assert response.status_code == 401


async def test_the_size_comes_before_the_syntax(client_of: ClientOf) -> None:
    client = client_of(max_body_bytes=100)
    refused = await client.post("/backtests", data=b"{" * 101)
    assert refused.status_code == 413
    message = "Request body too large: GLOWBACK_MAX_BODY_BYTES allows at most 100 bytes"
    assert (await refused.get_json()) == {"detail": message}
    assert (await client.post("/backtests", data=b"{" * 100)).status_code == 422


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 1024


async def test_a_chunked_body_is_cut_at_the_limit(serve_with: Serve) -> None:
    url = await serve_with(max_body_bytes=10_000)
    async with httpx2.AsyncClient(base_url=url) as http:
        with trio.fail_after(10):
            response = await http.post("/backtests", content=chunks(100))
    assert response.status_code == 413
    assert "at most 10,000 bytes" in response.json()["detail"]
    assert response.headers["x-request-id"]


async def test_without_a_key_the_answer_comes_before_the_body(serve_with: Serve) -> None:
    head = (
        b"POST /backtests HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/json\r\n\r\n1\r\n{\r\n"
    )
    answer = await send_raw(await serve_with(api_keys=("k",)), head)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"


# Headers, on every response


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_every_response_carries_every_header(
    gateway: Gateway,
    serve_with: Serve,
    endless: Run,
    monkeypatch: pytest.MonkeyPatch,
    prefix: str,
) -> None:
    url = await serve_with(api_keys=("k",), max_body_bytes=1000, log_level="ERROR")
    async with httpx2.AsyncClient(base_url=url + prefix, headers={"X-API-Key": "k"}) as http:
        responses = {
            200: await http.get("/healthz"),
            204: await http.delete(f"/backtests/{endless.run_id}"),
            401: await http.get("/backtests", headers={"X-API-Key": "wrong"}),
            404: await http.get("/nowhere"),
            405: await http.patch("/backtests"),
            413: await http.post("/backtests", content=b"x" * 2000),
            415: await http.post("/backtests", json={}, headers={"Content-Encoding": "gzip"}),
            422: await http.post("/backtests", json={}),
        }
        monkeypatch.setattr(type(gateway), "load_run", _fail)
        responses[500] = await http.get("/backtests/x")
    for status, response in responses.items():
        assert response.status_code == status
        assert {name: response.headers[name] for name in ALL_HEADERS} == ALL_HEADERS, status
        assert uuid.UUID(response.headers["x-request-id"]).version == 4


def _fail(_gateway: Gateway, run_id: str) -> Run:
    raise OSError(5, "Input/output error on /secret/place", run_id)


@pytest.mark.parametrize("offered", ["abc-DEF_1.2", "x" * 128])
async def test_a_harmless_request_id_is_kept(client: Client, offered: str) -> None:
    response = await client.get("/healthz", headers={"X-Request-ID": offered})
    assert response.headers["X-Request-ID"] == offered


@pytest.mark.parametrize("offered", ["x" * 129, "a b", "a status=200", "a,b", "é", ""])
async def test_any_other_request_id_is_replaced(client: Client, offered: str) -> None:
    response = await client.get("/healthz", headers={"X-Request-ID": offered})
    assert uuid.UUID(response.headers["X-Request-ID"]).version == 4


async def test_errors_before_the_app_have_its_headers_and_shapes(url: str) -> None:
    answer = await send_raw(
        url, b"GET /v1/healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 20_000
    )
    assert answer.status == 431
    for name, value in ALL_HEADERS.items():
        assert answer.headers[name] == value
    assert "detail" in orjson.loads(answer.body)
    assert answer.headers["x-request-id"]


async def test_a_connection_over_the_limit_gets_the_same_form_of_error(serve_with: Serve) -> None:
    url = await serve_with(max_connections=1)
    with trio.fail_after(5):
        async with open_request(url, "/healthz") as first:
            await read_response(first)
            answer = await send_raw(url, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.status == 503
    assert {name: answer.headers[name] for name in ALL_HEADERS} == ALL_HEADERS


async def test_an_old_client_gets_its_answer_and_the_end(url: str) -> None:
    with trio.fail_after(10):
        async with await connect(url) as stream:
            await stream.send_all(b"GET /healthz HTTP/1.0\r\n\r\n")
            answer = await read_response(stream)
            assert answer.status == 200
            assert await stream.receive_some() == b""


# Faults


async def test_a_fault_is_500_with_its_request_id_and_nothing_of_the_inside(
    client: Client,
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(type(gateway), "load_run", _fail)
    plain = await client.get("/backtests/x")
    versioned = await client.get("/v1/backtests/x")
    assert (plain.status_code, versioned.status_code) == (500, 500)
    assert await plain.get_json() == {"detail": "Internal Server Error"}
    body = await versioned.get_json()
    assert body["error"]["code"] == "internal_error"
    assert body["request_id"] == versioned.headers["X-Request-ID"]
    assert "secret" not in str(body)
    assert "/secret/place" in caplog.text


async def test_every_error_of_a_group_is_logged(
    client: Client,
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_gateway: Gateway, run_id: str) -> Run:
        raise ExceptionGroup(
            "several", [ValueError("first"), ExceptionGroup("", [OSError("second")])]
        )

    monkeypatch.setattr(type(gateway), "load_run", fail)
    assert (await client.get("/backtests/x")).status_code == 500
    assert "first" in caplog.text
    assert "second" in caplog.text


# Methods and paths


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_a_wrong_method_is_answered_with_the_right_ones(client: Client, prefix: str) -> None:
    for path in {route.path for route in registry.ROUTES}:
        methods = {route.method for route in registry.ROUTES if route.path == path}
        response = await client.put(prefix + path)
        assert response.status_code == 405, path
        expected = methods | ({"HEAD"} if "GET" in methods else set())
        assert response.headers["Allow"] == ", ".join(sorted(expected))


@pytest.fixture
async def places(gateway: Gateway, finished: Run) -> dict[str, str]:
    """What stands for the variable parts of paths, so that each path leads somewhere."""
    search = gateway.optimize(search_request(max_trials=3))
    await search.wait_finished()
    found = {"run_id": finished.run_id, "optimization_id": search.optimization_id}
    pages = {"id": "1", "folder": "pages", "part": "run"}
    return {**found, **pages, "name": "docs.js", "form": "csv", "symbol": "AAPL"}


# The files of pages do not share a name with those of the documentation.
NEED_A_QUERY = {"/backtests/{run_id}/difference", "/reports/comparison.{form}"}
FILES = {
    "/assets/{name}": "app.js",
    "/assets/{folder}/{name}": "run.js",
    "/assets/{folder}/{part}/{name}": "live.js",
}


def placed(template: str, places: dict[str, str]) -> str:
    name = FILES.get(template, places["name"])
    form = "html" if "/report." in template or "/comparison." in template else places["form"]
    return template.format(**places | {"name": name, "form": form})


async def test_head_works_wherever_get_does(url: str, places: dict[str, str]) -> None:
    async with httpx2.AsyncClient(base_url=url) as http:
        for route in registry.ROUTES:
            if route.method != "GET":
                continue
            path = placed(route.path, places)
            get, head = await http.get(path), await http.head(path)
            assert head.status_code == get.status_code, path
            assert head.content == b""
            if route.path != "/metrics":  # which count this very request, too
                assert head.headers["content-length"] == get.headers["content-length"]


async def test_head_of_a_live_stream_is_answered_at_once(url: str, endless: Run) -> None:
    async with httpx2.AsyncClient(base_url=url) as http:
        with trio.fail_after(5):
            head = await http.head(
                f"/backtests/{endless.run_id}/events", headers={"Accept": "text/event-stream"}
            )
    assert head.headers["content-type"].startswith("text/event-stream")
    assert endless.subscribers == 0


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_a_trailing_slash_is_accepted_without_a_redirect(
    client: Client, prefix: str, places: dict[str, str]
) -> None:
    for route in registry.ROUTES:
        if route.method == "GET":
            path = placed(route.path, places)
            without = await client.get(prefix + path.rstrip("/") or "/")
            with_slash = await client.get(prefix + path.rstrip("/") + "/")
            assert without.status_code == with_slash.status_code, path
            allowed = {422} if route.path in NEED_A_QUERY else {200, 426}
            assert without.status_code in allowed, path


@pytest.mark.parametrize(
    "path", [b"/backtests//", b"/v2/backtests", b"/v1x", b"/%2e%2e", b"/%", b"/%zz"]
)
async def test_an_unknown_path_is_404(url: str, path: bytes) -> None:
    answer = await send_raw(url, b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
    assert answer.status == 404
    message = "Not Found: there is no such path; GET / lists those there are"
    assert orjson.loads(answer.body) == {"detail": message}


# Pages of other hosts


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 422),
        ("http://api.example:8000", 422),
        ("HTTP://API.example:8000", 422),
        ("https://listed.example", 422),
        ("HTTPS://Listed.example:443", 422),
        ("http://listed.example", 403),
        ("https://listed.example:444", 403),
        ("https://api.example:8000", 403),
        ("https://evil.example", 403),
        ("http://api.example", 403),
        ("http://api.example:8000.evil.example", 403),
        ("null", 403),
        ("garbage", 403),
        ("http://[", 403),
    ],
)
async def test_without_keys_pages_of_other_hosts_change_nothing(
    client_of: ClientOf, origin: str | None, status: int
) -> None:
    client = client_of(cors_origins=("https://listed.example",))
    headers = {"Host": "api.example:8000"} | ({"Origin": origin} if origin else {})
    response = await client.post("/v1/backtests", json={}, headers=headers)
    assert response.status_code == status
    if status == 403:
        assert (await response.get_json())["error"]["code"] == "forbidden"


async def test_reading_is_open_to_all_origins_but_not_shown_to_their_pages(client: Client) -> None:
    response = await client.get("/backtests", headers={"Origin": "https://evil.example"})
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_with_keys_the_key_is_what_counts(client_of: ClientOf) -> None:
    headers = {"Origin": "https://evil.example", "X-API-Key": "k"}
    response = await client_of(api_keys=("k",)).post("/backtests", json={}, headers=headers)
    assert response.status_code == 422


async def test_listed_origins_may_read_and_preflight(client_of: ClientOf) -> None:
    client = client_of(cors_origins=("https://listed.example",), api_keys=("k",))
    headers = {"Origin": "https://listed.example", "Access-Control-Request-Method": "POST"}
    preflight = await client.options("/v1/backtests", headers=headers)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://listed.example"
    assert preflight.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
    assert "X-API-Key" in preflight.headers["Access-Control-Allow-Headers"]
    refused = await client.get("/backtests", headers=headers)
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == "https://listed.example"
    assert "X-Request-ID" in refused.headers["Access-Control-Expose-Headers"]


async def test_unlisted_origins_may_not_preflight(client_of: ClientOf) -> None:
    client = client_of(cors_origins=("https://listed.example",))
    response = await client.options("/backtests", headers={"Origin": "https://evil.example"})
    assert response.status_code == 403
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_a_star_never_goes_with_credentials(client_of: ClientOf) -> None:
    client = client_of(cors_origins=("*",))
    response = await client.get("/backtests", headers={"Origin": "https://any.example"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers


async def test_without_cors_there_is_no_options(client: Client) -> None:
    response = await client.options("/backtests", headers={"Origin": "https://any.example"})
    assert response.status_code == 405
