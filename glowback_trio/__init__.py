"""Backtests as actors: submit a request, watch its events, take the result.

    async with open_gateway() as gateway:
        run = gateway.submit(BacktestRequest(symbols=["AAPL"], start_date=..., end_date=...))
        with run.subscribe() as events:
            async for event in events:
                print(event.event_id, event.type, event.payload)
        result = run.result()

This is the embedding API; it needs neither a server nor the web stack. `glowback_trio.server` puts
it on HTTP.
"""

from glowback_trio.actors import Gateway, Run, Subscription, open_gateway
from glowback_trio.compute import InlineCompute, ThreadCompute
from glowback_trio.data import Catalogue, MemoryCatalogue, demo_path
from glowback_trio.engine import backtest
from glowback_trio.model.bars import Bars
from glowback_trio.model.events import Event
from glowback_trio.model.invariants import assert_sound
from glowback_trio.model.lifecycle import State, Status
from glowback_trio.model.request import BacktestRequest, Execution, PortfolioConstruction, Stream
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.api import (
    Bar,
    BarStrategy,
    Context,
    OnBar,
    Panel,
    TargetStrategy,
)
from glowback_trio.model.strategies.parameters import (
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Momentum,
    Rsi,
)
from glowback_trio.store import MemoryStore
from glowback_trio.version import VERSION as __version__

__all__ = [
    "BacktestRequest",
    "Bar",
    "BarStrategy",
    "Bars",
    "BuyAndHold",
    "Catalogue",
    "Context",
    "Event",
    "Execution",
    "Gateway",
    "InlineCompute",
    "MaCrossover",
    "MeanReversion",
    "MemoryCatalogue",
    "MemoryStore",
    "Momentum",
    "OnBar",
    "Panel",
    "PortfolioConstruction",
    "Result",
    "Rsi",
    "Run",
    "State",
    "Status",
    "Stream",
    "Subscription",
    "TargetStrategy",
    "ThreadCompute",
    "__version__",
    "assert_sound",
    "backtest",
    "demo_path",
    "open_gateway",
]
