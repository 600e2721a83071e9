"""A gateway that computes on the event loop, and three ways to reach it: app, server, WebSocket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import httpx2
import pytest
import trio
from quart.typing import TestClientProtocol as Client
from support.served import Serve, serving_on
from support.watcher import Watcher, connected

from glowback_trio import InlineCompute, MemoryStore, Run, open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.server import Settings, create_app
from glowback_trio.store import Store
from glowback_trio.wire.requests import parse_request

Document: TypeAlias = dict[str, Any]
Submit: TypeAlias = Callable[..., Run]

# A run at this pace never gets beyond its first bar during a test.
FOREVER = {"pace_bars_per_s": 0.001}


@pytest.fixture
def request_body() -> Document:
    """The request of the reference gateway's page, over three months."""
    return {
        "symbols": ["AAPL"],
        "start_date": "2024-01-01T00:00:00Z",
        "end_date": "2024-03-31T23:59:59Z",
        "resolution": "day",
        "strategy": {"name": "buy_and_hold"},
        "execution": {"slippage_bps": 1.0, "commission_bps": 0.5},
    }


@pytest.fixture
def store() -> Store:
    """Where runs are kept; a module names another one by a fixture of the same name."""
    return MemoryStore()


@pytest.fixture
async def gateway(store: Store) -> AsyncIterator[Gateway]:
    async with open_gateway(store=store, compute=InlineCompute(), max_running=2) as opened:
        yield opened


@pytest.fixture
def submit(gateway: Gateway, request_body: Document) -> Submit:
    """Start a run without HTTP; keywords change the request."""
    return lambda **changes: gateway.submit(parse_request(request_body | changes))


@pytest.fixture
def endless(submit: Submit) -> Run:
    """A run that goes on until a test ends it."""
    return submit(stream=FOREVER)


@pytest.fixture
async def finished(submit: Submit) -> Run:
    """A completed run with every type of event in its log."""
    run = submit(
        strategy={"name": "ma_crossover", "params": {"short_period": 3, "long_period": 8}},
        stream={"orders": True},
    )
    await run.wait_finished()
    return run


@pytest.fixture
def client_of(gateway: Gateway) -> Callable[..., Client]:
    """Return a client of an app with these settings."""
    return lambda **settings: create_app(gateway, Settings(**settings)).test_client()


@pytest.fixture
def client(client_of: Callable[..., Client]) -> Client:
    return client_of()


@pytest.fixture
def serve_with(gateway: Gateway, nursery: trio.Nursery) -> Serve:
    """Serve on a real socket with these settings, and return the URL."""
    return serving_on(gateway, nursery)


@pytest.fixture
async def url(serve_with: Serve) -> str:
    return await serve_with()


@pytest.fixture
async def http(url: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=url) as opened:
        yield opened


@pytest.fixture
def watch() -> Callable[..., Awaitable[Watcher]]:
    """Follow a stream at a URL to its end, or for a number of messages."""

    async def follow(url: str, count: int | None = None, **headers: str) -> Watcher:
        watcher = Watcher()
        with trio.fail_after(10):
            async with connected(url, **headers) as socket:
                await watcher.follow(socket, count)
        return watcher

    return follow
