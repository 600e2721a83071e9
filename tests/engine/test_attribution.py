"""Attribution: the profits of all symbols add up to the profit of the run.

Doctrine: random runs for the sum, one run by hand for each figure.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.engine_bars import make_bars, make_request

from glowback_trio.engine import backtest
from glowback_trio.engine.analytics.attribution import attribution
from glowback_trio.model.bars import Bars, Floats
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.parameters import (
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Strategy,
)

COSTS = {"commission_bps": 10.0, "commission_minimum": 0.5, "slippage_bps": 5.0}
STRATEGIES = [BuyAndHold(), MaCrossover(short_period=2, long_period=5), MeanReversion()]


def holdings(result: Result, bars: list[Bars]) -> tuple[Floats, Floats]:
    last = {one.symbol: one.close[-1] for one in bars}
    symbols = result.trades.symbols
    units = np.array([result.final_positions.get(symbol, 0.0) for symbol in symbols])
    return units, np.array([last[symbol] for symbol in symbols])


def walks(seed: int, symbols: str) -> list[Bars]:
    random = np.random.default_rng(seed)
    steps = random.normal(0.0, 0.03, (len(symbols), 60))
    closes = 100.0 * np.exp(np.cumsum(steps, axis=1))
    return [make_bars(name, close.tolist()) for name, close in zip(symbols, closes, strict=True)]


@given(st.integers(0, 2**32 - 1), st.sampled_from(STRATEGIES))
def test_profits_of_all_symbols_add_up_to_the_profit(seed: int, strategy: Strategy) -> None:
    bars = walks(seed, "ABC")
    result = backtest(make_request("ABC", strategy, execution=COSTS, initial_capital=1e6), bars)
    rows = attribution(result.trades, *holdings(result, bars), 1e6)
    tolerance = 1e-9 * (1e6 + float(np.abs(result.trades.quantity) @ result.trades.price))
    profit = float(result.curve.value[-1]) - 1e6
    assert math.fsum(row["total_pnl"] for row in rows) == pytest.approx(profit, abs=tolerance)
    assert math.fsum(row["contribution_pct"] for row in rows) == pytest.approx(
        profit / 1e4, abs=tolerance / 1e4
    )
    for row in rows:
        chosen = result.trades.symbol == result.trades.symbols.index(row["component"])
        realized = float(np.nansum(result.trades.pnl[chosen]))
        assert row["realized_pnl"] == pytest.approx(realized, abs=tolerance)
        assert row["commissions"] == pytest.approx(result.trades.commission[chosen].sum())
        if not row["ending_shares"]:
            assert row["unrealized_pnl"] == pytest.approx(0.0, abs=tolerance)
    sizes = [abs(row["total_pnl"]) for row in rows]
    assert sizes == sorted(sizes, reverse=True)


def test_a_profit_by_hand() -> None:
    bars = [make_bars("A", [10.0, 10.0, 12.0]), make_bars("B", [5.0, 5.0, 5.0])]
    request = make_request("AB", BuyAndHold(position_size=0.5), execution={"commission_bps": 100.0})
    result = backtest(request, bars)
    first, second = attribution(result.trades, *holdings(result, bars), 1000.0)
    # 25 units of A at 10 and 50 of B at 5, for 2.5 each
    assert first == {
        "component": "A",
        "realized_pnl": 0.0,
        "unrealized_pnl": pytest.approx(47.5),
        "total_pnl": pytest.approx(47.5),
        "contribution_pct": pytest.approx(4.75),
        "commissions": pytest.approx(2.5),
        "slippage_cost": 0.0,
        "gross_notional": pytest.approx(250.0),
        "ending_shares": pytest.approx(25.0),
        "ending_market_value": pytest.approx(300.0),
    }
    assert second["component"] == "B"
    assert second["total_pnl"] == pytest.approx(-2.5)


def test_cash_flows_that_belong_to_no_fill_have_a_row_each() -> None:
    bars = walks(3, "A")
    result = backtest(make_request("A"), bars)
    units, marks = holdings(result, bars)
    rows = attribution(result.trades, units, marks, 1000.0, {"margin interest": -25.0})
    interest = next(row for row in rows if row["component"] == "margin interest")
    assert interest.keys() == rows[0].keys()
    assert interest["realized_pnl"] == interest["total_pnl"] == -25.0
    assert interest["contribution_pct"] == -2.5
    assert interest["unrealized_pnl"] == interest["gross_notional"] == 0.0


def test_without_a_fill_there_is_nothing_to_attribute() -> None:
    bars = [make_bars("B", [10.0]), make_bars("A", [10.0])]
    result = backtest(make_request("AB"), bars)
    rows = attribution(result.trades, *holdings(result, bars), 1000.0)
    assert [row["component"] for row in rows] == ["A", "B"]
    assert all(
        type(value) is float and value == 0 for row in rows for value in list(row.values())[1:]
    )
