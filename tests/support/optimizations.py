"""Requests for small optimizations, and their logs."""

from __future__ import annotations

from typing import Any

from glowback_trio import BacktestRequest, Event, MaCrossover
from glowback_trio.actors.optimizations.attempt import Attempt
from glowback_trio.actors.optimizations.optimization import Optimization
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.space import Parameter, SearchSpace

__all__ = ["SPACE", "read_log", "search_request"]

SPACE = SearchSpace(
    parameters=(
        Parameter(name="short_period", kind="int_range", low=2, high=9, step=1),
        Parameter(name="long_period", kind="int_range", low=10, high=17, step=1),
    )
)


def search_request(**changes: Any) -> OptimizationRequest:
    """Return a request for 20 trials on two months."""
    base = BacktestRequest(
        symbols=["AAPL"],
        start_date="2024-01-01",
        end_date="2024-02-29",
        strategy=MaCrossover(short_period=2, long_period=10),
    )
    given: dict[str, Any] = {
        "name": "search",
        "search_space": SPACE,
        "base_backtest": base,
        "max_trials": 20,
        "validation_mode": "none",
        "progress_steps": 5,
    }
    return OptimizationRequest(**{**given, **changes})


async def read_log(attempt: Attempt | Optimization, after: int = 0) -> list[Event]:
    """Return the log of an attempt, when it has ended."""
    with attempt.subscribe(after) as events:
        return [event async for event in events]
