"""Runs, comparisons and searches to write reports of, and what a page consists of."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import numpy as np
from support.searches import random_bars, search

from glowback_trio import (
    BacktestRequest,
    Bars,
    Execution,
    MaCrossover,
    OptimizationResult,
    Result,
    backtest,
    optimize,
)

__all__ = ["Parsed", "daily_run", "small_search"]


def daily_run(days: int = 400, **changes: Any) -> Result:
    """A crossover on two symbols of generated daily bars, against the first of them."""
    bars = [_walk(symbol, seed, days) for seed, symbol in enumerate(("AAA", "BBB"))]
    given: dict[str, Any] = {
        "symbols": ("AAA", "BBB"),
        "start_date": "2010-01-01",
        "end_date": "2030-01-01",
        "strategy": MaCrossover(short_period=3, long_period=9),
        "execution": Execution(slippage_bps=1.0, commission_bps=0.5),
        "benchmark_symbol": "AAA",
        **changes,
    }
    request = BacktestRequest(**given)
    return backtest(request, [each for each in bars if each.symbol in request.priced])


def _walk(symbol: str, seed: int, days: int) -> Bars:
    draw = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(draw.normal(0.0003, 0.015, days)))
    time = np.busday_offset("2010-01-04", np.arange(days), roll="forward").astype("M8[ns]")
    return Bars(symbol, time, close, close * 1.01, close * 0.99, close, np.full(days, 1e7))


def small_search(**changes: Any) -> OptimizationResult:
    return optimize(search(validation_mode="walk_forward_refit", **changes), [random_bars()])


class Parsed(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}
