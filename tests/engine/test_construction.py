"""Portfolio construction by hand: every rule and every limit on its own.

Bars are short and round, so that each expected figure can be worked out on paper; each test turns
on the one limit that it is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from support.engine_bars import audit, fills, make_bars, run_slices

from glowback_trio.engine import backtest
from glowback_trio.engine.analytics.tearsheet import tear_sheet
from glowback_trio.engine.reporting.result_document import BlockName, result_chunks, result_document
from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.bars import Bars
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.request import BacktestRequest, Execution
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.parameters import BuyAndHold, TargetWeights

Rows = list[dict[str, Any]]


def hold(
    weights: dict[str, float],
    *,
    symbols: Sequence[str] | None = None,
    execution: dict[str, Any] | None = None,
    **limits: Any,
) -> BacktestRequest:
    return BacktestRequest(
        symbols=symbols or sorted(weights),
        start_date="2024-01-01",
        end_date="2030-01-01",
        initial_capital=1000.0,
        execution=Execution(**(execution or {})),
        portfolio_construction=PortfolioConstruction(target_weights=weights, **limits),
    )


def run(request: BacktestRequest, bars: Sequence[Bars]) -> tuple[Result, Rows]:
    result = backtest(request, bars)
    audit(result, bars)
    rows: Rows = result_document(result, "run")["portfolio_diagnostics"]
    return result, rows


def returns(rows: Rows) -> list[tuple[int, str]]:
    return [(at, row["rebalance_reason"]) for at, row in enumerate(rows) if row["rebalanced"]]


def hits(result: Result) -> list[dict[str, Any]]:
    """Without times, and without the figures of other limits."""
    listed = result_document(result, "run")["constraint_hits"]
    return [
        {name: said for name, said in hit.items() if said is not None and name != "timestamp"}
        for hit in listed
    ]


def flat(symbol: str, count: int, price: float = 10.0, **more: Any) -> Bars:
    return make_bars(symbol, [price] * count, **more)


def test_weights_are_bought_at_the_open_after_the_first_close() -> None:
    bars = [
        make_bars("A", [10, 12, 12], opening=[10, 11, 12]),
        make_bars("B", [20, 20, 25], opening=[20, 21, 20]),
    ]
    result, rows = run(hold({"A": 0.5, "B": 0.2}), bars)
    assert fills(result) == [(1, "A", 50.0, 11.0), (1, "B", 10.0, 21.0)]
    assert returns(rows) == [(0, "initial_allocation")]
    assert rows[0]["target_weights"] == {"A": 0.5, "B": 0.2}
    assert rows[0]["realized_weights"] == {"A": 0.0, "B": 0.0}
    assert rows[0]["turnover_pct"] == pytest.approx(70.0)
    value = 1000 - 550 - 210 + 600 + 200
    assert rows[1]["portfolio_value"] == value
    assert rows[1]["realized_weights"] == {"A": 600 / value, "B": 200 / value}
    assert rows[1]["drift_by_symbol_pct"]["A"] == pytest.approx((600 / value - 0.5) * 100)
    assert rows[1]["cash_weight_pct"] == pytest.approx(24_000 / value)
    assert rows[1]["turnover_pct"] == 0.0
    assert rows[1]["rebalance_reason"] is None


@pytest.mark.parametrize(
    ("frequency", "due"),
    [
        ("daily", [*range(1, 36)]),
        ("weekly", [7, 14, 21, 28, 35]),  # the first of the bars is a Monday
        ("monthly", [31]),
    ],
)
def test_the_schedule_is_new_dates_new_weeks_and_new_months(frequency: str, due: list[int]) -> None:
    _, rows = run(hold({"A": 1.0}, rebalance_frequency=frequency), [flat("A", 36)])
    reason = f"{frequency}_schedule"
    assert returns(rows) == [(0, "initial_allocation"), *((row, reason) for row in due)]


def test_a_week_counts_from_monday_and_a_date_is_of_utc() -> None:
    weekly = hold({"A": 1.0})
    _, rows = run(weekly, [flat("A", 9, start="2024-01-04")])  # a Thursday
    assert returns(rows)[1:] == [(4, "weekly_schedule")]
    daily = hold({"A": 1.0}, rebalance_frequency="daily")
    _, rows = run(daily, [flat("A", 30, start="2024-01-01T20:00", step="h")])
    assert returns(rows)[1:] == [(4, "daily_schedule"), (28, "daily_schedule")]


def test_what_has_grown_is_sold_first_and_pays_for_what_has_shrunk() -> None:
    bars = [
        make_bars("A", [10, 10, 8, 8], opening=[10, 10, 10, 8]),
        make_bars("B", [10, 10, 12, 12], opening=[10, 10, 10, 12]),
    ]
    every = hold({"A": 0.5, "B": 0.5}, rebalance_frequency="daily")
    result, rows = run(every, bars)
    assert fills(result)[2:] == [(3, "B", pytest.approx(-8.333333333), 12.0), (3, "A", 12.5, 8.0)]
    assert rows[2]["turnover_pct"] == pytest.approx(20.0)
    assert rows[3]["realized_weights"] == pytest.approx({"A": 0.5, "B": 0.5})


def test_a_drift_at_its_threshold_is_not_left_to_the_schedule() -> None:
    bars = [make_bars("A", [10, 10, 12, 12, 15, 15]), flat("B", 6)]
    request = hold({"A": 0.5}, symbols=["A", "B"], drift_threshold_pct=5.0)
    _, rows = run(request, bars)
    # 600 of 1100 are 54.5 %; 750 of 1250 are 60 %
    assert returns(rows) == [(0, "initial_allocation"), (4, "drift_threshold")]
    assert rows[2]["max_abs_drift_pct"] == pytest.approx(100 * (600 / 1100 - 0.5))
    assert rows[5]["max_abs_drift_pct"] == pytest.approx(0.0, abs=1e-9)


def test_a_limit_is_reached_when_it_is_met_exactly() -> None:
    bars = [make_bars("A", [10.0, 10.0, 30.0, 30.0])]
    _, rows = run(hold({"A": 0.5}, drift_threshold_pct=25.0), bars)
    assert returns(rows)[1:] == [(2, "drift_threshold")]
    _, rows = run(hold({"A": 1.0}, max_drawdown_pct=25.0), [make_bars("A", [10, 10, 12, 9, 9])])
    assert returns(rows)[1:] == [(3, "drawdown_guard")]


def test_a_first_bar_on_the_scheduled_day_is_the_reason_before_the_schedule() -> None:
    bars = [flat("A", 9), flat("B", 9, keep=[7, 8])]
    _, rows = run(hold({"A": 0.5, "B": 0.5}), bars)
    assert returns(rows) == [(0, "initial_allocation"), (7, "initial_allocation")]


def test_a_return_for_a_drift_counts_for_the_schedule_too() -> None:
    close = [10.0] * 7 + [20.0] * 9  # twice as much on the second Monday
    request = hold({"A": 0.5}, drift_threshold_pct=10.0)
    _, rows = run(request, [make_bars("A", close, opening=close)])
    assert returns(rows)[1:] == [(7, "weekly_schedule"), (14, "weekly_schedule")]
    _, rows = run(
        request, [make_bars("A", [10.0] * 6 + close[-9:], opening=[10.0] * 6 + close[-9:])]
    )
    assert returns(rows)[1:] == [
        (6, "drift_threshold"),
        (7, "weekly_schedule"),
        (14, "weekly_schedule"),
    ]


def test_the_cash_floor_scales_down_what_does_not_leave_it() -> None:
    bars = [flat("A", 2), flat("B", 2)]
    result, rows = run(hold({"A": 0.6, "B": 0.4}, cash_floor_pct=20.0), bars)
    assert rows[0]["target_weights"] == pytest.approx({"A": 0.48, "B": 0.32})
    assert rows[1]["cash_weight_pct"] == pytest.approx(20.0)
    assert hits(result) == [
        {"constraint": "cash_floor", "requested_pct": 100.0, "applied_pct": pytest.approx(80.0)}
    ]
    result, rows = run(hold({"A": 0.5, "B": 0.3}, cash_floor_pct=20.0), bars)
    assert rows[0]["target_weights"] == {"A": 0.5, "B": 0.3}
    assert hits(result) == []


def test_what_the_weight_cap_cuts_off_stays_cash() -> None:
    bars = [flat("A", 2), flat("B", 2)]
    result, rows = run(hold({"A": 0.7, "B": 0.3}, max_weight_pct=40.0), bars)
    assert rows[0]["target_weights"] == {"A": 0.4, "B": 0.3}
    assert rows[1]["cash_weight_pct"] == pytest.approx(30.0)
    (hit,) = hits(result)
    assert hit == {
        "constraint": "max_weight_cap",
        "symbol": "A",
        "requested_pct": pytest.approx(70.0),
        "applied_pct": pytest.approx(40.0),
    }
    assert rows[0]["constraint_hits"] == [hit]
    assert rows[1]["constraint_hits"] == []


def test_the_turnover_cap_shrinks_all_orders_alike() -> None:
    bars = [flat("A", 3), flat("B", 3)]
    capped = hold({"A": 0.6, "B": 0.3}, max_turnover_pct=45.0, rebalance_frequency="daily")
    result, rows = run(capped, bars)
    assert rows[1]["realized_weights"] == pytest.approx({"A": 0.3, "B": 0.15})
    assert rows[2]["realized_weights"] == pytest.approx({"A": 0.6, "B": 0.3})
    assert [row["turnover_pct"] for row in rows] == pytest.approx([45.0, 45.0, 0.0], abs=1e-9)
    assert hits(result) == [
        {
            "constraint": "turnover_cap",
            "requested_turnover_pct": pytest.approx(90.0),
            "applied_turnover_pct": 45.0,
        }
    ]


def test_no_turnover_allowed_is_no_order_ever() -> None:
    result, rows = run(hold({"A": 0.6}, max_turnover_pct=0.0), [flat("A", 9)])
    assert len(result.orders) == 0
    assert [row["turnover_pct"] for row in rows] == [0.0] * 9
    assert [hit["constraint"] for hit in hits(result)] == ["turnover_cap"] * 2


FALL = [10, 10, 12, 9, 9, 8, 8, 8, 8, 7, 7]  # from Monday on; the second Monday is the eighth bar


def test_a_stop_sells_everything_and_stays_out_until_the_next_schedule() -> None:
    request = hold({"A": 1.0}, max_drawdown_pct=20.0)
    result, rows = run(request, [make_bars("A", FALL)])
    assert returns(rows) == [
        (0, "initial_allocation"),
        (3, "drawdown_guard"),
        (7, "weekly_schedule"),
    ]
    assert fills(result) == [(1, "A", 100.0, 10.0), (4, "A", -100.0, 9.0), (8, "A", 112.5, 8.0)]
    assert hits(result) == [
        {"constraint": "max_drawdown_guard", "observed_drawdown_pct": 25.0, "limit_pct": 20.0}
    ]
    assert [row["target_weights"]["A"] for row in rows] == [1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1]
    # From the old peak the eleventh bar would be 34 % down; from the return it is 12.5 %.
    assert rows[7]["drawdown_pct"] == pytest.approx(25.0)
    assert rows[10]["drawdown_pct"] == pytest.approx(12.5)


def test_a_stop_and_its_end_are_logged_when_they_come() -> None:
    drafts, _ = run_slices(hold({"A": 1.0}, max_drawdown_pct=20.0), [make_bars("A", FALL)], [4])
    logs = [(draft.bar, orjson.loads(draft.payload)) for draft in drafts if draft.type == "log"]
    assert [bar for bar, _ in logs] == [3, 7]
    assert "25.00%" in logs[0][1]["message"]
    assert "next weekly rebalance" in logs[0][1]["message"]
    assert "weekly rebalance" in logs[1][1]["message"]


def test_a_stop_on_the_scheduled_day_lasts_until_the_next_one() -> None:
    close = [10.0] * 7 + [7.0] * 8
    request = hold({"A": 1.0}, max_drawdown_pct=20.0)
    _, rows = run(request, [make_bars("A", close)])
    assert returns(rows)[1:] == [(7, "drawdown_guard"), (14, "weekly_schedule")]


def test_the_return_after_a_stop_is_counted_from_the_last_sale() -> None:
    # The stop is set off on the first Sunday and sells on Monday: that is of the week after.
    close = [10.0] * 6 + [7.0] * 9
    request = hold({"A": 1.0}, max_drawdown_pct=20.0)
    result, rows = run(request, [make_bars("A", close)])
    assert fills(result)[1] == (7, "A", -100.0, 7.0)
    assert returns(rows)[1:] == [(6, "drawdown_guard"), (14, "weekly_schedule")]


def test_a_stop_lasts_while_volume_lets_it_sell_in_parts_only() -> None:
    capped = {"max_volume_participation": 0.1}
    request = hold({"A": 1.0}, rebalance_frequency="daily", max_drawdown_pct=5.0, execution=capped)
    close = [10.0] * 6 + [9.0] * 8
    result, rows = run(request, [make_bars("A", close, volume=250.0)])
    sold = [(bar, units) for bar, _, units, _ in fills(result) if units < 0.0]
    assert sold == [(7, -25.0), (8, -25.0), (9, -25.0), (10, -25.0)]
    assert [row for row in returns(rows) if row[0] >= 6][:2] == [
        (6, "drawdown_guard"),
        (11, "daily_schedule"),
    ]


def test_a_stop_lasts_until_a_symbol_without_bars_can_trade_again() -> None:
    fall = [10.0] * 4 + [7.0] * 11
    bars = [make_bars("A", fall), flat("B", 15, keep=[0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14])]
    request = hold({"A": 0.8, "B": 0.2}, rebalance_frequency="daily", max_drawdown_pct=20.0)
    result, rows = run(request, bars)
    sold = [(bar, symbol) for bar, symbol, units, _ in fills(result) if units < 0.0]
    assert sold[:2] == [(5, "A"), (8, "B")]
    assert [row for row in returns(rows) if row[0] >= 4][:2] == [
        (4, "drawdown_guard"),
        (9, "daily_schedule"),
    ]


def test_a_stop_that_latency_holds_up_is_not_undone_by_the_schedule() -> None:
    late = {"latency_ms": 60 * 3_600_000}
    request = hold({"A": 1.0}, rebalance_frequency="daily", max_drawdown_pct=20.0, execution=late)
    result, rows = run(request, [make_bars("A", [10.0] * 6 + [7.0] * 8)])
    assert [(bar, units) for bar, _, units, _ in fills(result)][:2] == [(3, 100.0), (9, -100.0)]
    assert [row for row in returns(rows) if row[0] >= 6][:2] == [
        (6, "drawdown_guard"),
        (10, "daily_schedule"),
    ]


def test_a_stop_under_a_turnover_cap_sells_over_several_closes() -> None:
    close = [10.0, 10.0, 10.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0]
    request = hold({"A": 0.8}, max_turnover_pct=40.0, max_drawdown_pct=10.0)
    result, rows = run(request, [make_bars("A", close, opening=close)])
    # 0.4 bought at the first close; the fall leaves 200 of 800, which is 25 % and goes at once
    assert returns(rows)[:2] == [(0, "initial_allocation"), (3, "drawdown_guard")]
    slow = hold({"A": 0.8}, max_turnover_pct=10.0, max_drawdown_pct=2.0, drift_threshold_pct=1.0)
    result, rows = run(slow, [make_bars("A", close, opening=close)])
    # bought at 10 % a close: 300 at the fall, of which 150 of 850 are left: 17.6 %
    assert returns(rows)[:6] == [
        (0, "initial_allocation"),
        (1, "drift_threshold"),
        (2, "drift_threshold"),
        (3, "drawdown_guard"),
        (4, "drawdown_guard"),
        (7, "weekly_schedule"),
    ]
    assert rows[5]["realized_weights"] == {"A": 0.0}
    assert max(row["turnover_pct"] for row in rows) == pytest.approx(10.0)
    assert [hit["constraint"] for hit in hits(result)].count("max_drawdown_guard") == 2


def test_the_weight_of_a_symbol_that_starts_late_waits_as_cash() -> None:
    bars = [flat("A", 6), flat("B", 6, keep=[3, 4, 5])]
    result, rows = run(hold({"A": 0.5, "B": 0.5}, rebalance_frequency="monthly"), bars)
    assert returns(rows) == [(0, "initial_allocation"), (3, "initial_allocation")]
    assert rows[2]["target_weights"] == {"A": 0.5, "B": 0.0}
    assert rows[2]["drift_by_symbol_pct"] == {"A": 0.0, "B": 0.0}
    assert rows[4]["realized_weights"] == {"A": 0.5, "B": 0.5}
    assert fills(result)[-1] == (4, "B", 50.0, 10.0)


def test_a_symbol_that_starts_during_a_stop_waits_for_its_end() -> None:
    bars = [make_bars("A", FALL), flat("B", 11, keep=[5, 6, 7, 8, 9, 10])]
    _, rows = run(hold({"A": 0.9, "B": 0.1}, max_drawdown_pct=20.0), bars)
    assert returns(rows)[1:] == [(3, "drawdown_guard"), (7, "weekly_schedule")]
    assert rows[8]["realized_weights"]["B"] > 0.09


def test_an_order_waits_for_a_bar_that_is_missing_and_gives_way_to_a_newer_one() -> None:
    bars = [flat("A", 5), flat("B", 5, keep=[0, 4])]
    result, _ = run(hold({"A": 0.5, "B": 0.5}, rebalance_frequency="daily"), bars)
    assert (4, "B", 50.0, 10.0) in fills(result)
    assert list(result.orders.reason).count("replaced by a newer target") == 3


def test_open_orders_are_not_cancelled_by_the_next_return() -> None:
    late = {"latency_ms": 36 * 3_600_000}
    request = hold({"A": 0.5}, rebalance_frequency="daily", execution=late)
    result, rows = run(request, [make_bars("A", [10, 10, 10, 20, 20, 20, 20])])
    assert returns(rows) == [
        (0, "initial_allocation"),
        *((row, "daily_schedule") for row in (2, 4, 6)),
    ]
    assert fills(result) == [(2, "A", 50.0, 10.0), (6, "A", -12.5, 20.0)]


def test_the_first_reason_counts_when_latency_has_held_up_two() -> None:
    late = {"latency_ms": 36 * 3_600_000}
    bars = [flat("A", 4), flat("B", 4, keep=[2, 3])]
    request = hold({"A": 0.5, "B": 0.3}, rebalance_frequency="daily", execution=late)
    _, rows = run(request, bars)
    # The schedule came due on the second date, and B has its first bar on the third.
    assert returns(rows) == [(0, "initial_allocation"), (2, "initial_allocation")]


def test_a_stop_cancels_open_orders() -> None:
    late = {"latency_ms": 36 * 3_600_000}
    close = [10.0, 10.0, 10.0, 11.0, 7.0, 7.0, 7.0]
    limits: dict[str, Any] = {"drift_threshold_pct": 1.0, "max_drawdown_pct": 10.0}
    result, rows = run(hold({"A": 0.5}, execution=late, **limits), [make_bars("A", close)])
    assert returns(rows) == [
        (0, "initial_allocation"),
        (3, "drift_threshold"),
        (4, "drawdown_guard"),
    ]
    assert fills(result) == [(2, "A", 50.0, 10.0), (6, "A", -50.0, 7.0)]
    assert list(result.orders.reason).count("replaced by a newer target") == 1


def test_a_symbol_without_a_weight_is_not_held() -> None:
    bars = [flat("A", 3), flat("B", 3), flat("C", 3)]
    result, rows = run(hold({"B": 0.5, "C": 0.0}, symbols=["A", "B", "C"]), bars)
    assert result.final_positions == {"B": 50.0}
    assert rows[2]["realized_weights"] == {"B": 0.5}


def test_the_metrics_count_returns_turnover_drift_and_hits() -> None:
    request = hold({"A": 1.0}, max_drawdown_pct=20.0)
    result, rows = run(request, [make_bars("A", FALL)])
    names = ("portfolio_rebalances", "constraint_hit_count", "max_weight_drift_pct")
    assert [result.metrics[name] for name in names] == [3, 1, pytest.approx(0.0, abs=1e-9)]
    mean = sum(row["turnover_pct"] for row in rows) / len(rows)
    assert result.metrics["average_turnover_pct"] == pytest.approx(mean)
    assert mean == pytest.approx(300 / 11)
    assert tear_sheet(result)["portfolio"] == {
        name: result.metrics[name] for name in (*names, "average_turnover_pct")
    }


def test_the_request_is_in_the_result_and_nothing_is_without_one() -> None:
    request = hold({"A": 0.5}, cash_floor_pct=5)
    document = result_document(backtest(request, [flat("A", 2)]), "run")
    assert document["portfolio_construction"] == {
        "target_weights": {"A": 0.5},
        "method": "target_weights",
        "rebalance_frequency": "weekly",
        "drift_threshold_pct": None,
        "max_weight_pct": None,
        "max_turnover_pct": None,
        "cash_floor_pct": 5.0,
        "max_drawdown_pct": None,
    }
    assert document["manifest"]["strategy"]["strategy_id"] == "target_weights"
    plain = BacktestRequest(symbols=["A"], start_date="2024-01-01", end_date="2030-01-01")
    document = result_document(backtest(plain, [flat("A", 2)]), "run")
    assert document["portfolio_construction"] == {}
    assert document["portfolio_diagnostics"] == document["constraint_hits"] == []
    assert "portfolio_rebalances" not in document["metrics_summary"]


def test_diagnostics_are_thinned_with_the_curve() -> None:
    close = [10.0 + (row % 17) for row in range(200)]
    result = backtest(hold({"A": 0.5}), [make_bars("A", close)])
    thin = result_document(result, "run", max_points=20)
    whole = result_document(result, "run")["portfolio_diagnostics"]
    times = [row["timestamp"] for row in thin["equity_curve"]]
    assert thin["portfolio_diagnostics"] == [row for row in whole if row["timestamp"] in times]


def test_the_rows_of_many_symbols_are_written_in_chunks_of_bounded_size() -> None:
    names = [f"S{number:03}" for number in range(300)]
    weights = dict.fromkeys(names, 1 / 300)
    result = backtest(hold(weights), [flat(name, 40) for name in names])
    blocks: list[BlockName] = ["portfolio_diagnostics"]
    chunks = list(result_chunks(result, "run", include=blocks))
    assert orjson.loads(b"".join(chunks)) == result_document(result, "run", include=blocks)
    assert len(chunks) > 5
    assert max(map(len, chunks)) < 300_000


def test_the_strategy_of_weights_needs_no_name_and_no_other_is_ignored() -> None:
    assert hold({"A": 1.0}).strategy == TargetWeights()
    weights = PortfolioConstruction(target_weights={"A": 1.0})
    fields: dict[str, Any] = {
        "symbols": ["A"],
        "start_date": "2024-01-01",
        "end_date": "2024-02-01",
    }
    with pytest.raises(InvalidRequestError, match=r"strategy: .*instead of buy_and_hold"):
        BacktestRequest(strategy=BuyAndHold(), portfolio_construction=weights, **fields)
    with pytest.raises(InvalidRequestError, match="portfolio_construction: target_weights needs"):
        BacktestRequest(strategy=TargetWeights(), **fields)


def test_weights_do_not_change_once_they_are_requested() -> None:
    weights = {"A": 1}
    request = hold(weights)  # type: ignore[arg-type] # whole numbers are numbers
    weights["A"] = 0
    assert request.portfolio_construction == PortfolioConstruction(target_weights={"A": 1.0})
