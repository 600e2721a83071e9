"""A gateway on real prices, served on a real socket, and clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from support.served import TWO_YEARS, Serve, completed, serving_on

from glowback_trio import BacktestRequest, Run, open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.client import Client, open_client


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with open_gateway(data="demo") as opened:
        yield opened


@pytest.fixture
def serve_with(gateway: Gateway, nursery: trio.Nursery) -> Serve:
    """Serve with these settings and return the URL."""
    return serving_on(gateway, nursery, log_level="ERROR")


@pytest.fixture
async def url(serve_with: Serve) -> str:
    return await serve_with()


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    async with open_client(url) as opened:
        yield opened


@pytest.fixture
def backtest() -> BacktestRequest:
    return TWO_YEARS


@pytest.fixture
async def finished(gateway: Gateway, backtest: BacktestRequest) -> Run:
    return await completed(gateway, backtest)
