"""A gateway on real prices, served on a real socket with a secret, and peers that know it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from support.served import Serve, serving_on

from glowback_trio import open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.peers import HttpPeers, open_peers

SECRET = "a secret of more than 16 characters"


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with open_gateway(data="demo") as opened:
        yield opened


@pytest.fixture
def serve_with(gateway: Gateway, nursery: trio.Nursery) -> Serve:
    """Serve with these settings and return the URL."""
    return serving_on(gateway, nursery, log_level="ERROR", peer_secret=SECRET)


@pytest.fixture
async def peers() -> AsyncIterator[HttpPeers]:
    async with open_peers(SECRET, jitter=lambda: 0.0) as opened:
        yield opened
