"""The guard: what it refuses, the framework never sees.

Rule: where the app hands requests over to the framework, they are counted.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import trio
from quart_trio import QuartTrio

from glowback_trio.actors import Gateway
from glowback_trio.server import Settings, create_app
from glowback_trio.server.http.router import Router
from glowback_trio.server.routes.table import ROUTES

RUN_ID = "4f0c2b6e-9d5e-4c59-a0a5-6f6d3f0f4f5e"


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that the framework has seen."""
    paths: list[str] = []
    inner = QuartTrio.asgi_app

    async def counted(app: QuartTrio, scope: Any, receive: Any, send: Any) -> None:
        paths.append(scope["path"])
        await inner(app, scope, receive, send)

    monkeypatch.setattr(QuartTrio, "asgi_app", counted)
    return paths


def request(method: str, path: str, **headers: str) -> dict[str, Any]:
    """Return the ASGI scope of a request."""
    headers = {"host": "localhost", **headers}
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": lines, "query_string": b""}
    return scope | {"scheme": "http", "client": ("127.0.0.1", 1), "http_version": "1.1"}


async def messages_to(app: Any, scope: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what an app sends to a client whose body never comes."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        sent.append(message)

    with trio.fail_after(10):
        await app(scope, trio.sleep_forever, send)
    return sent


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        (request("GET", "/backtests"), 401),
        (request("HEAD", "/backtests"), 401),
        (request("POST", "/v1/backtests", content_length="10"), 401),
        (request("POST", "/backtests", transfer_encoding="chunked", x_api_key="wrong"), 401),
        (request("POST", "/backtests", content_length="1001", x_api_key="k"), 413),
        (request("POST", "/imports/", content_length="2001", x_api_key="k"), 413),
        (request("GET", "/nowhere", x_api_key="k"), 404),
        (request("PUT", "/backtests", x_api_key="k"), 405),
        (request("GET", "/healthz", host="elsewhere"), 400),
        (request("GET", "/healthz", host="a..b"), 400),
        (request("OPTIONS", "/backtests", origin="https://listed.example"), 204),
        (request("OPTIONS", "/backtests", origin="https://evil.example"), 403),
    ],
    ids=lambda value: f"{value['method']} {value['path']}" if isinstance(value, dict) else "",
)
async def test_what_is_refused_never_reaches_the_framework(
    gateway: Gateway, seen: list[str], scope: dict[str, Any], status: int
) -> None:
    settings = Settings(
        api_keys=("k",),
        allowed_hosts=("localhost",),
        cors_origins=("https://listed.example",),
        max_body_bytes=1000,
        max_import_bytes=2000,
    )
    start, body = await messages_to(create_app(gateway, settings), scope)
    assert (start["status"], seen) == (status, [])
    length = int(dict(start["headers"])[b"content-length"])
    assert len(body["body"]) == (0 if scope["method"] == "HEAD" else length)


async def test_a_request_beyond_its_rate_never_reaches_the_framework(
    gateway: Gateway, seen: list[str]
) -> None:
    app = create_app(gateway, Settings(rate_limit=2))
    statuses = [
        (await messages_to(app, request("GET", "/strategies")))[0]["status"] for _ in range(4)
    ]
    assert statuses == [200, 200, 429, 429]
    assert len(seen) == 2


async def test_an_app_that_embeds_this_one_may_add_paths(gateway: Gateway) -> None:
    app = create_app(gateway, Settings(api_keys=("k",), allowed_hosts=("localhost",)))

    async def page() -> str:
        await trio.lowlevel.checkpoint()
        return "mine"

    app.add_url_rule("/mine", view_func=page)
    client = app.test_client()
    answer = await client.get("/mine")
    assert (answer.status_code, await answer.get_data()) == (200, b"mine")
    assert "X-Request-ID" in answer.headers
    assert (await client.get("/mine", headers={"Host": "evil.example"})).status_code == 400
    assert (await client.get("/nowhere")).status_code == 404
    assert (await client.get("/strategies")).status_code == 401


@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_every_route_is_found_with_its_parameters(prefix: str) -> None:
    router = Router.of(ROUTES)
    for route in ROUTES:
        given = dict.fromkeys(re.findall(r"{(\w+)}", route.path), "7")
        given |= {"run_id": RUN_ID, "form": "csv", "name": "docs.js", "optimization_id": RUN_ID}
        path = prefix + route.path.format(**given)
        for spelling in (path, f"{path.removesuffix('/')}/", f"/{path}"):
            found = router.find(spelling)
            assert found is not None, spelling
            assert found.template == prefix + route.path
            match = found.match(route.method)
            assert match is not None
            assert match.route is route
            assert all(given[name] == value for name, value in match.arguments.items())
            assert len(match.arguments) == route.path.count("{")
            assert found.match("PUT") is None


@pytest.mark.parametrize(
    "path",
    [
        *("/backtests//", "/backtests//results", "/v2/backtests", "/v1x", "/healthz//", "*"),
        *("/backtests/x/results/y", "/backtests/x/equitycsv", "/backtests/x/equity.", "/Healthz"),
    ],
)
def test_a_path_of_no_route_is_not_found(path: str) -> None:
    assert Router.of(ROUTES).find(path) is None
