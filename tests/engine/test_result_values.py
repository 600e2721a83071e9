"""A result is a plain value: what is stored or sent to another process is the whole of it.

Every result is pickled and read back; the copy has to write the same document, byte for byte, the
tear sheet included. A result built from nothing but the fields of another one has to do so as well.
"""

from __future__ import annotations

import pickle
from typing import Any

import attrs
import numpy as np
import pytest
from support.engine_bars import as_bytes, make_bars, make_request

from glowback_trio.engine import backtest
from glowback_trio.engine.analytics.tearsheet import tear_sheet
from glowback_trio.engine.reporting.result_document import result_document
from glowback_trio.model.bars import Bars
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.api import BarStrategy, Context, OnBar
from glowback_trio.model.strategies.parameters import MaCrossover, TargetWeights


@attrs.frozen
class Bracketed(BarStrategy):
    """Order of every kind, so that the log of orders holds their specs."""

    name = "bracketed"
    title = "Bracketed"

    def start(self) -> OnBar:
        def on_bar(context: Context) -> None:
            if context.count("A") % 20 == 1:
                close = context.close("A")
                context.order("A", 1, limit=close, stop_loss=close * 0.97, take_profit=close * 1.03)

        return on_bar


def walks(symbols: str, bars: int = 300) -> list[Bars]:
    steps = np.random.default_rng(3).normal(0.0, 0.02, (len(symbols), bars))
    closes = 100.0 * np.exp(np.cumsum(steps, axis=1))
    return [make_bars(name, close.tolist()) for name, close in zip(symbols, closes, strict=True)]


CROSSOVER = MaCrossover(short_period=2, long_period=5)
WEIGHTS = PortfolioConstruction(target_weights={"A": 0.5, "B": 0.4}, max_weight_pct=45)
FINANCED = {"margin_interest_rate": 0.1, "borrow_rate": 0.1, "max_leverage": 2.0}
REQUESTS = {
    "benchmark": make_request("A", CROSSOVER, benchmark_symbol="B", risk_free_rate=0.02),
    "portfolio": make_request("AB", TargetWeights(), portfolio_construction=WEIGHTS),
    "orders": make_request("A", Bracketed()),
    "financing": make_request("AB", CROSSOVER, execution=FINANCED),
}


@pytest.fixture(params=REQUESTS)
def request_(request: Any) -> BacktestRequest:
    return REQUESTS[request.param]


@pytest.fixture
def result(request_: BacktestRequest) -> Result:
    return backtest(request_, walks("AB")[: len(request_.priced)])


def rebuilt(value: Any) -> Any:
    """The value made anew from its fields, and those from theirs; arrays from their bytes."""
    if isinstance(value, np.ndarray):
        return np.frombuffer(value.tobytes(), value.dtype).reshape(value.shape)
    if not attrs.has(type(value)):
        return value
    fields = [field for field in attrs.fields(type(value)) if field.init]
    return type(value)(**{field.alias: rebuilt(getattr(value, field.name)) for field in fields})


def test_a_pickled_result_writes_the_same_document(result: Result) -> None:
    copy = pickle.loads(pickle.dumps(result))
    assert as_bytes(copy) == as_bytes(result)
    assert tear_sheet(copy) == tear_sheet(result)


def test_a_result_is_no_larger_for_having_been_written(result: Result) -> None:
    before = pickle.dumps(result)
    as_bytes(result)
    assert pickle.dumps(result) == before


def test_the_tear_sheet_is_worked_out_once_for_all_documents_of_a_result(result: Result) -> None:
    first, second = (result_document(result, "run")["tearsheet"] for _ in range(2))
    assert first is second


def test_a_result_can_be_built_from_stored_fields(result: Result) -> None:
    assert as_bytes(rebuilt(result)) == as_bytes(result)


def test_a_pickled_request_gives_the_same_result(request_: BacktestRequest) -> None:
    copy = pickle.loads(pickle.dumps(request_))
    assert copy == request_
    bars = walks("AB")[: len(request_.priced)]
    assert as_bytes(backtest(copy, bars)) == as_bytes(backtest(request_, bars))
