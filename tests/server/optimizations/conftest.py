"""Optimizations to serve: one that has completed, and one that goes on until a test ends it."""

from __future__ import annotations

from typing import Any

import pytest
from support.served_searches import ended, search

from glowback_trio.actors import Gateway, Optimization
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.wire.optimizations.requests import parse_optimization


@pytest.fixture
async def completed(gateway: Gateway) -> Optimization:
    return await ended(gateway)


@pytest.fixture
async def paused(gateway: Gateway) -> Optimization:
    """One that waits before its first trial."""
    optimization = gateway.optimize(parse_optimization(search()))
    optimization.pause()
    return optimization


@pytest.fixture
def request_body() -> dict[str, Any]:
    return search()


@pytest.fixture
async def running(gateway: Gateway) -> Optimization:
    """One that runs and is paused before its last trial."""
    optimization = gateway.optimize(parse_optimization(search()))
    with optimization.subscribe(types=["state"]) as states:
        while optimization.status.state is OptimizationState.PENDING:
            await states.read()
    optimization.pause()
    return optimization
