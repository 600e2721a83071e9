"""A gateway served on a real socket, and runs to serve."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import trio

from glowback_trio import BacktestRequest, Run
from glowback_trio.actors import Gateway
from glowback_trio.server import Settings, serve

__all__ = ["TWO_YEARS", "Serve", "completed", "serving_on"]

#: Serves with these settings, and returns the URL.
Serve: TypeAlias = Callable[..., Awaitable[str]]

#: Two years of one symbol of the shipped prices: some 300 events.
TWO_YEARS = BacktestRequest(symbols=["AAPL"], start_date="2018-01-01", end_date="2019-12-31")


def serving_on(gateway: Gateway, nursery: trio.Nursery, **defaults: Any) -> Serve:
    """Return what serves a gateway in a nursery; what it is called with are more settings."""

    async def start(stop: trio.Event | None = None, **settings: Any) -> str:
        chosen = Settings(**defaults | settings)
        start_serving = partial(serve, gateway, bind="127.0.0.1:0", settings=chosen, stop=stop)
        urls: list[str] = await nursery.start(start_serving)
        return urls[0]

    return start


async def completed(gateway: Gateway, request: BacktestRequest) -> Run:
    """Submit a request and wait for the end of its run."""
    run = gateway.submit(request)
    await run.wait_finished()
    return run
