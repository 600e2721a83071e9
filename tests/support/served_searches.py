"""Requests for optimizations, small enough that one takes a fraction of a second."""

from __future__ import annotations

from typing import Any

from glowback_trio.actors import Gateway, Optimization
from glowback_trio.wire.converter import make_converter
from glowback_trio.wire.optimizations.requests import parse_optimization

__all__ = ["GRID", "NINE", "ended", "search"]

#: A grid of nine crossovers on a year of one symbol.
GRID: dict[str, Any] = {
    "name": "nine crossovers",
    "search_space": {
        "parameters": [
            {"name": "short_period", "kind": "int_range", "low": 3, "high": 9, "step": 3},
            {"name": "long_period", "kind": "choice", "values": [12, 20, 30]},
        ]
    },
    "strategy": "grid",
    "max_trials": 9,
    "validation_mode": "none",
    "base_backtest": {
        "symbols": ["AAPL"],
        "start_date": "2018-01-01",
        "end_date": "2018-12-31",
        "strategy": {"name": "ma_crossover"},
        "execution": {"slippage_bps": 1.0, "commission_bps": 0.5},
    },
}

#: The number of its trials.
NINE = 9


def search(**changes: Any) -> dict[str, Any]:
    """Return the document of a request, with these fields changed."""
    return GRID | changes


async def ended(gateway: Gateway, **changes: Any) -> Optimization:
    """Begin an optimization without HTTP, and wait for its end."""
    request = parse_optimization(search(**changes), make_converter(gateway.strategies))
    optimization = gateway.optimize(request)
    await optimization.wait_finished()
    return optimization
