"""Thousands of mutated requests: none is a fault, and the framework sees none that is refused.

Rule: every response is read to its end, and the connection is either closed or good for a next
request. What the framework is given is counted where the app hands a request over to it.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import trio
from quart_trio import QuartTrio
from support.mutated_heads import MutatedRequest, mutated_requests
from support.raw_http import connect
from support.rough_client import GONE, Reply, RoughClient
from support.served import serving_on
from support.server_process import ServerProcess

from glowback_trio import InlineCompute, open_gateway
from glowback_trio.server.http.request import match_of

COUNT = 1500
#: Statuses that only checks before the framework give to these requests.
REFUSED = {400, 401, 403, 405, 413, 429}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The scopes of the requests that the framework has seen."""
    scopes: list[dict[str, Any]] = []
    inner = QuartTrio.asgi_app

    async def counted(app: QuartTrio, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            scopes.append(scope)
        await inner(app, scope, receive, send)

    monkeypatch.setattr(QuartTrio, "asgi_app", counted)
    return scopes


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """What the server logs."""
    kept: list[logging.LogRecord] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(record)

    handler = Handler()
    logger = logging.getLogger("glowback_trio")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield kept
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


async def reply_to(client: RoughClient, request: MutatedRequest) -> Reply:
    """Send a request and return the response; a connection that stays open takes another one."""
    await client.send(request.data)
    reply = await client.read_reply(b"HEAD" if request.method == b"HEAD" else b"GET")
    if reply.headers.get(b"connection") != b"close":
        assert (await client.get(b"/healthz")).status in (200, 400), request
    return reply


async def statuses(url: str, seed: int, seen: Sequence[Any] = ()) -> Counter[int]:
    """Return the statuses of the responses to many requests."""
    counted: Counter[int] = Counter()
    for request in mutated_requests(seed, COUNT):
        before = len(seen)
        with trio.fail_after(10):
            async with await connect(url) as stream:
                try:
                    reply = await reply_to(RoughClient(stream), request)
                except GONE as error:
                    raise AssertionError(request) from error
        assert reply.status < 500 or reply.status in (501, 503), (request, reply)
        assert len(seen) == before or reply.status not in REFUSED, (request, reply)
        counted[reply.status] += 1
    return counted


@pytest.mark.parametrize(
    ("settings", "may_pass"),
    [
        ({"api_keys": ("k",)}, lambda route: not route.needs_key),
        ({"allowed_hosts": ("elsewhere",)}, lambda _: False),
        ({"rate_limit": 1, "rate_window": 86400.0}, lambda route: not route.rate_limited),
    ],
    ids=["keys", "hosts", "rate"],
)
async def test_the_framework_sees_no_request_that_is_refused(
    seen: list[dict[str, Any]],
    records: list[logging.LogRecord],
    state: Callable[[str], None],
    settings: dict[str, Any],
    may_pass: Callable[[Any], bool],
) -> None:
    async with open_gateway(compute=InlineCompute()) as gateway, trio.open_nursery() as nursery:
        serve = serving_on(gateway, nursery, cors_origins=("http://a",), trusted_proxies=())
        counted = await statuses(await serve(**settings), seed=1, seen=seen)
        nursery.cancel_scope.cancel()
    routes = [match.route for scope in seen if (match := match_of(scope)) is not None]
    assert len(routes) == len(seen)
    # The first request of a caller is within its rate.
    assert len([route for route in routes if not may_pass(route)]) <= ("rate_limit" in settings)
    assert [record for record in records if record.exc_info] == []
    state(f"{dict(sorted(counted.items()))}, of which the framework saw {len(seen)}")


async def test_each_refused_request_leaves_one_line_and_no_traceback(
    serve: Any, state: Callable[[str], None]
) -> None:
    async with serve(
        environment={"GLOWBACK_API_KEY": "k", "GLOWBACK_CORS_ORIGINS": "http://a"}
    ) as server:
        assert isinstance(server, ServerProcess)
        counted = await statuses(server.url, seed=2)
        await server.ask("GET", "/v1/readyz")
        with trio.fail_after(10):
            # A thread of another process writes it, and rings no bell here.
            while '"/v1/readyz"' not in (log := server.log):
                await trio.lowlevel.checkpoint()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    logged = Counter(line["status"] for line in lines if line["event"] in ("request", "websocket"))
    assert "Traceback" not in log
    for status in REFUSED - {400}:  # some of 400 and 413 have no head to log
        assert logged[status] == counted[status], status
    state(f"{dict(sorted(counted.items()))}")
