"""A gateway on real prices, served on a real socket, and clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import pytest
import trio

from glowback_trio import BacktestRequest, Run, demo_path, open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.client import Client, open_client
from glowback_trio.server import Settings, serve

Serve: TypeAlias = Callable[..., Awaitable[str]]


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with open_gateway(data=demo_path()) as opened:
        yield opened


@pytest.fixture
def serve_with(gateway: Gateway, nursery: trio.Nursery) -> Serve:
    """Serve with these settings and return the URL."""

    async def start(stop: trio.Event | None = None, **settings: Any) -> str:
        served = Settings(log_level="ERROR", **settings)
        start_serving = partial(serve, gateway, bind="127.0.0.1:0", settings=served, stop=stop)
        urls: list[str] = await nursery.start(start_serving)
        return urls[0]

    return start


@pytest.fixture
async def url(serve_with: Serve) -> str:
    return await serve_with()


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    async with open_client(url) as opened:
        yield opened


@pytest.fixture
def backtest() -> BacktestRequest:
    """Two years of one symbol: some 300 events."""
    return BacktestRequest(symbols=["AAPL"], start_date="2018-01-01", end_date="2019-12-31")


@pytest.fixture
async def finished(gateway: Gateway, backtest: BacktestRequest) -> Run:
    run = gateway.submit(backtest)
    await run.wait_finished()
    return run
