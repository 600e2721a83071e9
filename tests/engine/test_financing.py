"""Financing: what short positions and negative cash cost.

By rule simple interest is paid at a bar, for the time since the last one and at its closes, before
the orders of the bar fill; time without bars counts too.
"""

from __future__ import annotations

import pytest
from support.engine_bars import audit, make_bars, make_request, run_slices
from support.scripted_orders import acting, ordering

from glowback_trio.engine import backtest
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.parameters import BuyAndHold, MaCrossover, Strategy

YEAR = 365.0


def run(strategy: Strategy, closes: list[float], **execution: float) -> Result:
    bars = [make_bars("A", closes)]
    request = make_request(strategy=strategy, execution={"max_leverage": 3.0, **execution})
    result = backtest(request, bars)
    audit(result, bars)
    return result


def test_a_short_pays_for_what_it_is_worth_at_the_closes() -> None:
    result = run(acting({0: ordering("A", -10.0)}), [10.0, 10.0, 20.0, 20.0], borrow_rate=0.365)
    assert result.curve.cash.tolist() == pytest.approx([1000, 1100, 1099.9, 1099.7])
    assert result.carry == {"borrow": pytest.approx(-0.3)}
    assert result.metrics["total_financing_cost"] == pytest.approx(0.3)
    assert sum(result.trades.commission) == 0.0


def test_negative_cash_pays_interest_and_interest_on_it() -> None:
    result = run(acting({0: ordering("A", 200.0)}), [10.0] * 4, margin_interest_rate=0.365)
    owed = [1000.0, 1000.0 * 1.001, 1000.0 * 1.001**2]
    assert (-result.curve.cash[1:]).tolist() == pytest.approx(owed)
    assert result.carry == {"interest": pytest.approx(-(owed[-1] - 1000.0))}


def test_an_account_without_debt_pays_nothing() -> None:
    rates = {"borrow_rate": 10.0, "margin_interest_rate": 10.0}
    closes = [10.0, 10.3, 9.7, 11.1, 12.345]
    free = run(BuyAndHold(position_size=0.77), closes)
    result = run(BuyAndHold(position_size=0.77), closes, **rates)
    assert result.curve.cash.tolist() == free.curve.cash.tolist()
    assert result.carry == {}
    assert result.metrics["total_financing_cost"] == 0.0


def test_time_without_bars_is_paid_for() -> None:
    bars = [make_bars("A", [10.0] * 4, keep=[0, 1, 3])]
    strategy = acting({0: ordering("A", -10.0)})
    request = make_request(strategy=strategy, execution={"borrow_rate": 0.365})
    assert backtest(request, bars).carry == {"borrow": pytest.approx(-0.2)}


def test_financing_is_paid_before_the_orders_of_a_bar_fill() -> None:
    """Cash of 0 after the charge, not before, is what the order at that bar may use."""
    strategy = acting({0: ordering("A", -50.0), 1: ordering("A", -60.0)})
    execution = {"borrow_rate": 9.125, "max_leverage": 1.0}
    bars = [make_bars("A", [10.0] * 3)]
    result = backtest(make_request(strategy=strategy, execution=execution), bars)
    audit(result, bars)
    paid = 500.0 * 9.125 / YEAR
    assert result.trades.quantity.tolist() == pytest.approx([-50.0, -(50.0 - paid / 10.0)])


def test_strategies_and_their_references_pay_alike() -> None:
    bars = [make_bars(s, [10.0, 11.0, 9.0, 12.0, 8.0, 13.0] * 4) for s in "AB"]
    strategy = MaCrossover(short_period=1, long_period=2, position_size=1.0)
    execution = {"borrow_rate": 2.0, "margin_interest_rate": 1.0, "max_leverage": 2.0}
    request = make_request(("A", "B"), strategy, execution=execution)
    result = backtest(request, bars)
    audit(result, bars)
    assert result.carry["borrow"] < 0.0
    for cut in ([1], [3, 1, 7]):
        _, sliced = run_slices(request, bars, cut)
        assert sliced.curve.value.tolist() == result.curve.value.tolist()
        assert sliced.carry == result.carry


def test_financing_can_ruin_an_account_that_no_price_would() -> None:
    result = run(acting({0: ordering("A", -95.0)}), [10.0] * 60, borrow_rate=10.0)
    assert result.final_positions == {}
    assert any("Equity fell" in sentence for sentence in result.logs)
    assert 1000.0 + result.carry["borrow"] == pytest.approx(result.final_cash)
    assert result.final_cash < 0.0
