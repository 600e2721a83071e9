"""Data that end before the run does, while a position is held.

By rule a warning says so at the next time of the run. `hold` keeps the position at its last close;
`close` closes it at that next time, at the last close and less costs, and never at the last bar
itself, which does not show that it is the last. Every kind of trader does the same.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from attrs import evolve
from support.engine_bars import audit, fills, make_bars, make_request, order_story, run_slices
from support.scripted_orders import acting, ordering

from glowback_trio.engine import backtest
from glowback_trio.engine.reporting.result_document import result_document
from glowback_trio.model.bars import Bars
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.request import Execution
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.api import BarStrategy
from glowback_trio.model.strategies.parameters import Strategy, TargetWeights

BOTH = ("A", "B")
CLOSE = {"on_data_end": "close"}


def market(*, last: float = 12.0) -> list[Bars]:
    """A ends with its third bar at `last`, B goes on to the sixth."""
    return [make_bars("A", [10.0, 10.0, last]), make_bars("B", [10.0] * 6)]


def run(strategy: Strategy, execution: dict[str, Any], bars: list[Bars] | None = None) -> Result:
    bars = market() if bars is None else bars
    symbols = [one.symbol for one in bars]
    request = make_request(symbols, strategy, execution={"max_leverage": 10.0, **execution})
    result = backtest(request, bars)
    audit(result, bars)
    return result


def holding(quantity: float = 5.0, **more: Any) -> BarStrategy:
    return acting({0: ordering("A", quantity, **more)})


def warned(result: Result) -> list[str]:
    return [text for text in result.logs if "before the run does" in text]


def test_a_position_is_held_at_its_last_close_and_a_warning_says_so() -> None:
    result = run(holding(), {})
    assert fills(result) == [(1, "A", 5.0, 10.0)]
    assert result.final_positions == {"A": 5.0}
    assert result.curve.value.tolist() == [1000.0, 1000.0, *[1010.0] * 4]
    (warning,) = warned(result)
    for part in ("A", "2024-01-03", "5 units", "12", "on_data_end"):
        assert part in warning


@pytest.mark.parametrize("quantity", [5.0, -5.0])
def test_a_position_is_closed_at_the_next_time_at_the_last_close_less_costs(
    quantity: float,
) -> None:
    costs = {"slippage_bps": 100.0, "commission_bps": 10.0, "commission_minimum": 1.0, **CLOSE}
    result = run(holding(quantity), costs)
    price = 12.0 * (0.99 if quantity > 0 else 1.01)
    assert fills(result)[1] == (3, "A", -quantity, round(price, 9))
    assert result.trades.commission.tolist() == [1.0, 1.0]
    assert not result.final_positions
    assert len(warned(result)) == 1


def test_neither_latency_nor_volume_nor_impact_touch_the_closing() -> None:
    limits = {
        "latency_ms": 86_400_000,
        "max_volume_participation": 1e-6,
        "slippage_volume_impact": 0.5,
        **CLOSE,
    }
    result = run(acting({0: ordering("A", 5.0), 1: ordering("B", 5.0)}), limits)
    assert fills(result)[-1] == (3, "A", -5.0, 12.0)


def test_open_orders_of_the_symbol_are_cancelled_before_it_is_closed() -> None:
    strategy = acting({0: ordering("A", 5.0, stop_loss=5.0, take_profit=20.0)})
    result = run(strategy, CLOSE)
    assert [one for one in order_story(result) if one[1] == 3] == [
        ("cancelled", 3, "A", -5.0),
        ("cancelled", 3, "A", -5.0),
        ("submitted", 3, "A", -5.0),
        ("filled", 3, "A", -5.0),
    ]
    assert list(result.orders.reason).count("no bar left to fill it") == 2


def test_the_closing_frees_buying_power_for_orders_of_the_same_time() -> None:
    strategy = acting({0: ordering("A", 100.0), 2: ordering("B", 120.0)})
    result = run(strategy, {**CLOSE, "max_leverage": 1.0})
    assert fills(result)[1:] == [(3, "A", -100.0, 12.0), (3, "B", 120.0, 10.0)]


def test_a_symbol_that_lasts_or_is_not_held_is_not_warned_of() -> None:
    for execution in ({}, CLOSE):
        assert not warned(run(acting({0: ordering("B", 5.0)}), execution))
        assert not warned(run(holding(), execution, [make_bars("A", [10.0, 10.0, 12.0])]))
        sold = acting({0: ordering("A", 5.0), 1: ordering("A", -5.0)})
        assert not warned(run(sold, execution))


def test_an_order_made_after_the_end_waits_in_vain() -> None:
    result = run(acting({0: ordering("A", 5.0), 3: ordering("A", 5.0)}), CLOSE)
    assert fills(result)[2:] == []
    assert order_story(result)[-1] == ("cancelled", 5, "A", 5.0)


def test_vectorised_strategies_and_portfolios_do_the_same() -> None:
    weights = PortfolioConstruction(
        target_weights={"A": 0.5, "B": 0.5}, rebalance_frequency="monthly"
    )
    for execution, left in (({}, {"A": 50.0, "B": 50.0}), (CLOSE, {"B": 50.0})):
        held = make_request(BOTH, execution=execution)
        weighed = evolve(held, strategy=TargetWeights(), portfolio_construction=weights)
        for request in (held, weighed):
            result = backtest(request, market())
            assert result.final_positions == left
            assert len(warned(result)) == 1
            if execution:
                assert fills(result)[2] == (3, "A", -50.0, 12.0)


def test_the_warning_comes_at_the_next_time_however_the_run_is_sliced() -> None:
    bars = [make_bars("A", [10.0] * 3), make_bars("B", [10.0] * 4), make_bars("C", [10.0] * 6)]
    for execution in ({}, CLOSE):
        request = make_request(["A", "B", "C"], execution=execution)
        stories = []
        for slices in ([100], [1], [3, 1, 2]):
            drafts, result = run_slices(request, bars, slices)
            logs = [(one.bar, orjson.loads(one.payload)) for one in drafts if one.type == "log"]
            stories.append((logs, result.logs))
        assert stories[1:] == stories[:1] * 2
        assert [(bar, log["level"]) for bar, log in stories[0][0]] == [
            (3, "warning"),
            (4, "warning"),
        ]


def test_what_is_lost_altogether_is_warned_of_before_the_ruin() -> None:
    bars = [make_bars("A", [10.0, 10.0, 10.0]), make_bars("B", [10.0, 10.0, 10.0, 50.0, 50.0])]
    strategy = acting({0: lambda c: (c.order("A", 10.0), c.order("B", -50.0))})
    for execution in ({}, CLOSE):
        result = run(strategy, execution, bars)
        (ending,) = warned(result)
        ruin = next(text for text in result.logs if "Equity fell" in text)
        assert list(result.logs).index(ending) < list(result.logs).index(ruin)


def test_the_weight_of_a_symbol_that_was_closed_is_cash_from_then_on() -> None:
    weights = PortfolioConstruction(
        target_weights={"A": 0.5, "B": 0.5}, drift_threshold_pct=5.0, max_turnover_pct=100.0
    )
    request = evolve(
        make_request(BOTH, execution=CLOSE),
        strategy=TargetWeights(),
        portfolio_construction=weights,
    )
    result = backtest(request, [make_bars("A", [10.0] * 3), make_bars("B", [10.0] * 9)])
    document = result_document(result, "run")
    rows = document["portfolio_diagnostics"]
    assert [row["target_weights"]["A"] for row in rows] == [0.5] * 3 + [0.0] * 6
    assert [row["rebalance_reason"] for row in rows if row["rebalance_reason"]] == [
        "initial_allocation",
        "weekly_schedule",
    ]
    assert [row["turnover_pct"] for row in rows[3:]] == [0.0] * 6
    assert result.metrics["max_weight_drift_pct"] == pytest.approx(0.0, abs=1e-9)


def test_a_stop_ends_once_the_symbol_that_cannot_be_sold_is_closed() -> None:
    weights = PortfolioConstruction(
        target_weights={"A": 0.5, "B": 0.5}, rebalance_frequency="daily", max_drawdown_pct=10.0
    )
    bars = [make_bars("A", [10.0] * 3), make_bars("B", [10.0, 10.0, 5.0, 5.0, 5.0, 5.0])]
    held = evolve(make_request(BOTH), strategy=TargetWeights(), portfolio_construction=weights)
    closed = evolve(held, execution=Execution(on_data_end="close"))
    for request, last in ((held, "drawdown_guard"), (closed, "daily_schedule")):
        rows = result_document(backtest(request, bars), "run")["portfolio_diagnostics"]
        assert [row["rebalance_reason"] for row in rows if row["rebalance_reason"]][-1] == last
