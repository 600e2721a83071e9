"""A run served by the whole server, on a network in memory and in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio
from support.rough_client import RoughClient
from support.virtual_net import Network

from glowback_trio import BacktestRequest, Run
from glowback_trio.server import Settings, serve
from glowback_trio.testing import open_virtual_gateway


@asynccontextmanager
async def open_virtual_run(request: BacktestRequest) -> AsyncIterator[tuple[Network, Run]]:
    """Submit a run and serve it; when its streams have ended, nothing of them may be left."""
    network = Network()
    settings = Settings(log_level="ERROR", rate_limit=0)
    async with open_virtual_gateway() as gateway, trio.open_nursery() as nursery:
        await nursery.start(partial(serve, gateway, listeners=[network], settings=settings))
        yield network, gateway.submit(request)
        metrics = await _metrics_at_rest(network)
        assert b"glowback_open_streams 0.0" in metrics, metrics
        assert b"glowback_open_connections 1.0" in metrics, metrics
        assert b"glowback_faults_total{" not in metrics, metrics
        nursery.cancel_scope.cancel()


async def _metrics_at_rest(network: Network) -> bytes:
    """Return the metrics once no other client is connected: virtual time waits for no thread."""
    for _ in range(500):
        await trio.sleep(60)
        metrics = await RoughClient(network.connect()).get(b"/metrics", b"Connection: close")
        if b"glowback_open_connections 1.0" in metrics.body:
            break
    return metrics.body
