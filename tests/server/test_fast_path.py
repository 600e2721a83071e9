"""The fast path: routes that bypass the framework.

Rule: the same request goes both ways, and the responses are compared byte by byte.
"""

from __future__ import annotations

from functools import partial
from typing import Any, TypeAlias

import httpx2
import pytest
import trio
from support.served import Serve
from trio.testing import MockClock

from glowback_trio import Run
from glowback_trio.actors import Gateway
from glowback_trio.server import Settings
from glowback_trio.server.app import build_app, make_app_state
from glowback_trio.server.pipeline.fast_path import FastPath
from glowback_trio.serving import ImmediateResponse
from glowback_trio.serving import serve as serve_app

RUN = "{run}"
KEYED = {"api_keys": ("k1", "k2")}
LIMITED = {"rate_limit": 1}
CORS = {"cors_origins": ("https://desk.example",)}

#: A path, the server's settings, and headers.
Case: TypeAlias = tuple[str, dict[str, Any], dict[str, str]]

CASES: list[Case] = [
    ("/healthz", {}, {}),
    ("/v1/healthz", {}, {}),
    ("/readyz", {}, {}),
    ("/healthz?api_key=1", {}, {}),
    (f"/backtests/{RUN}", {}, {}),
    (f"/v1/backtests/{RUN}", {}, {"X-Request-ID": "mine"}),
    ("/backtests/nobody", {}, {}),
    ("/v1/backtests/nobody", {}, {}),
    (f"/backtests/{RUN}", KEYED, {}),
    (f"/v1/backtests/{RUN}", KEYED, {"X-API-Key": "wrong"}),
    (f"/backtests/{RUN}", KEYED, {"Authorization": "Bearer k2"}),
    (f"/v1/backtests/{RUN}", LIMITED, {}),
    ("/healthz", {"allowed_hosts": ("elsewhere",)}, {}),
    ("/healthz", CORS, {"Origin": "https://desk.example"}),
    (f"/backtests/{RUN}", CORS, {"Origin": "https://other.example"}),
    ("/healthz", {"trusted_proxies": ("127.0.0.1",)}, {"X-Forwarded-Proto": "https"}),
    ("/healthz", {}, {"Authorization": "Bearer caf\u00e9"}),
]


async def fetch(url: str, path: str, headers: dict[str, str], times: int) -> list[Any]:
    """Return the responses of a server, without the date."""
    responses = []
    async with httpx2.AsyncClient(base_url=url) as client:
        for _ in range(times):
            sent = {name.encode(): value.encode() for name, value in headers.items()}
            answer = await client.get(path, headers={b"X-Request-ID": b"same", **sent})
            kept = [(name, value) for name, value in answer.headers.raw if name != b"date"]
            responses.append((answer.status_code, kept, answer.content))
    return responses


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {case[1] or case[2]}")
async def test_the_fast_path_gives_the_bytes_that_the_framework_gives(
    mock_clock: MockClock, gateway: Gateway, serve_with: Serve, finished: Run, case: Case
) -> None:
    template, settings, headers = case
    path, url = template.replace(RUN, finished.run_id), await serve_with(**settings)
    app = build_app(make_app_state(gateway, Settings(**settings)))
    async with trio.open_nursery() as nursery:
        urls: list[str] = await nursery.start(partial(serve_app, app, bind="127.0.0.1:0"))
        fast = await fetch(url, path, headers, times=2)
        assert fast == await fetch(urls[0], path, headers, times=2)
        nursery.cancel_scope.cancel()


def scope(path: str, **others: Any) -> dict[str, Any]:
    known = {"type": "http", "method": "GET", "path": path, "scheme": "http", "headers": []}
    return known | {"client": ("127.0.0.1", 1), "state": {}} | others


BYPASSING = {path.partition("?")[0] for path, _, _ in CASES if "nobody" not in path}


@pytest.mark.parametrize("path", sorted(BYPASSING))
async def test_these_routes_bypass_the_framework(
    gateway: Gateway, finished: Run, path: str
) -> None:
    answers = FastPath.of(make_app_state(gateway, Settings()))
    assert isinstance(answers(scope(path.replace(RUN, finished.run_id))), ImmediateResponse)


@pytest.mark.parametrize(
    "scope_",
    [
        scope("/backtests/a b"),
        scope("/backtests/a\n"),
        scope("/backtests/some-run"),  # a store may have it
        scope("/backtests/some-run/results"),
        scope("/backtests"),
        scope("/backtests/some-run", query_string=b"verbose=1"),
        scope("/healthz", method="HEAD"),
        scope("/backtests/some-run", method="DELETE"),
    ],
    ids=lambda scope_: f"{scope_['method']} {scope_['path']!r}",
)
async def test_every_other_request_that_passes_is_left_to_the_framework(
    gateway: Gateway, scope_: dict[str, Any]
) -> None:
    assert FastPath.of(make_app_state(gateway, Settings()))(scope_) is None


async def test_a_fault_on_the_fast_path_is_logged_and_reveals_nothing(
    url: str, finished: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Gateway, "run", _fail)
    path = f"/v1/backtests/{finished.run_id}"
    async with httpx2.AsyncClient(base_url=url) as client:
        answer = await client.get(path, headers={"X-Request-ID": "mine"})
    assert answer.status_code == 500
    assert answer.json()["request_id"] == "mine"
    assert "inside" not in answer.text
    logged = ""
    with trio.fail_after(10):
        while "inside" not in logged:  # a thread writes it
            await trio.lowlevel.checkpoint()
            logged += capsys.readouterr().err


def _fail(_gateway: Gateway, run_id: str) -> Run:
    raise RuntimeError("inside")
