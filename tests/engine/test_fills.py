"""Fills of market orders: when, at what price, how much, and what becomes of the rest.

Every case is a few bars with round prices, checked by hand and then by the auditor, which
recomputes each row of the result from its fills.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.engine_bars import audit, fills, in_memory, make_bars, make_request, order_story

from glowback_trio.engine import Simulation, backtest
from glowback_trio.errors import DataError
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.parameters import BuyAndHold, MaCrossover, MeanReversion

FLIPPING = MaCrossover(short_period=1, long_period=2, position_size=0.5)


def run(closes: list[float], strategy: Any = None, *, volume: float = 1e9, **wanted: Any) -> Result:
    opening = wanted.pop("opening", None)
    bars = [make_bars("A", closes, opening=opening, volume=volume)]
    result = backtest(make_request(strategy=strategy, execution=wanted), bars)
    audit(result, bars)
    return result


def test_an_order_is_sized_at_the_close_and_fills_at_the_next_open_whatever_the_gap() -> None:
    result = run([10.0, 8.0, 9.0], BuyAndHold(position_size=0.5), opening=[10.0, 9.0, 8.0])
    assert order_story(result) == [("submitted", 0, "A", 50.0), ("filled", 1, "A", 50.0)]
    assert fills(result) == [(1, "A", 50.0, 9.0)]
    assert result.curve.value.tolist() == [1000.0, 950.0, 1000.0]


def test_slippage_worsens_the_price_on_both_sides_and_is_reported_as_a_cost() -> None:
    result = run([10.0, 11.0, 10.0, 10.0], FLIPPING, slippage_bps=100, allow_short=False)
    assert fills(result)[0][3] == pytest.approx(11.0 * 1.01)
    assert fills(result)[1][3] == pytest.approx(10.0 * 0.99)
    bought = 500 / 11
    assert result.trades.slippage_cost == pytest.approx([bought * 0.11, bought * 0.10])
    assert result.metrics["total_slippage_cost"] == pytest.approx(bought * 0.21)


@pytest.mark.parametrize(
    ("fees", "paid"),
    [
        ({"commission_bps": 100}, 5.0),
        ({"commission_bps": 100, "commission_per_share": 0.1}, 10.0),
        ({"commission_bps": 100, "commission_minimum": 7.0}, 7.0),
        ({"commission_per_share": 0.01, "commission_minimum": 7.0}, 7.0),
        ({"commission_minimum": 3.0}, 3.0),
        ({}, 0.0),
    ],
)
def test_commission_is_rate_and_per_share_but_at_least_the_minimum(
    fees: dict[str, float], paid: float
) -> None:
    result = run([10.0, 10.0], BuyAndHold(position_size=0.5), **fees)
    assert result.trades.commission == pytest.approx([paid])
    assert result.metrics["total_commissions"] == pytest.approx(paid)
    assert result.curve.value[-1] == pytest.approx(1000.0 - paid)


@pytest.mark.parametrize(
    ("latency_days", "bar"), [(0.0, 1), (0.5, 1), (1.0, 1), (1.01, 2), (2.0, 2), (2.5, 3)]
)
def test_latency_moves_the_fill_to_the_first_bar_at_or_after_it(
    latency_days: float, bar: int
) -> None:
    result = run([10.0] * 5, BuyAndHold(), latency_ms=int(latency_days * 86_400_000))
    assert [fill[0] for fill in fills(result)] == [bar]


def test_an_order_that_latency_carries_past_the_data_is_cancelled_with_an_event() -> None:
    result = run([10.0] * 3, BuyAndHold(position_size=0.5), latency_ms=10 * 86_400_000)
    assert order_story(result) == [("submitted", 0, "A", 50.0), ("cancelled", 2, "A", 50.0)]
    assert list(result.orders.reason) == ["", "no bar left to fill it"]


def test_an_order_made_on_the_last_bar_is_cancelled_there() -> None:
    result = run([10.0, 10.0, 11.0], MaCrossover(short_period=1, long_period=2))
    assert [event[:2] for event in order_story(result)] == [("submitted", 2), ("cancelled", 2)]


def test_a_new_target_replaces_an_order_that_is_still_open() -> None:
    result = run([10.0, 10.0, 20.0, 10.0, 10.0], FLIPPING, latency_ms=2 * 86_400_000)
    assert order_story(result) == [
        ("submitted", 2, "A", 25.0),
        ("cancelled", 3, "A", 25.0),
        ("submitted", 3, "A", -50.0),
        ("cancelled", 4, "A", -50.0),
    ]
    assert result.orders.reason[1] == "replaced by a newer target"


def test_the_volume_cap_fills_part_of_an_order_and_leaves_the_rest_for_the_next_bars() -> None:
    result = run(
        [10.0] * 5, BuyAndHold(position_size=0.5), volume=100.0, max_volume_participation=0.2
    )
    assert fills(result) == [(1, "A", 20.0, 10.0), (2, "A", 20.0, 10.0), (3, "A", 10.0, 10.0)]
    assert set(result.trades.order.tolist()) == {1}


def test_a_capped_exit_ends_exactly_flat() -> None:
    closes = [10.0, 10.1, 10.2, 9.9, 9.8, 9.7, 9.6, 9.5, 9.4, 9.3]
    capped = {"max_volume_participation": 0.31, "allow_short": False}
    result = run(closes, FLIPPING, volume=77.7, **capped)
    assert result.final_positions == {}
    assert [fill[2] for fill in fills(result)] == [24.087, 24.087, -24.087, -24.087]


def test_a_bar_without_volume_fills_nothing_under_a_cap() -> None:
    result = run([10.0] * 3, BuyAndHold(), volume=0.0, max_volume_participation=0.5)
    assert [event[0] for event in order_story(result)] == ["submitted", "cancelled"]


def test_whole_shares_are_rounded_towards_zero_wherever_a_quantity_is_made() -> None:
    result = run([30.0] * 4, BuyAndHold(), whole_shares=True)
    assert fills(result) == [(1, "A", 31.0, 30.0)]
    capped = run(
        [30.0] * 4, BuyAndHold(), whole_shares=True, volume=5.0, max_volume_participation=0.5
    )
    assert [fill[2] for fill in fills(capped)] == [2.0, 2.0, 2.0]
    cut = run([30.0, 30.0], whole_shares=True, opening=[30.0, 37.0])
    assert fills(cut) == [(1, "A", 27.0, 37.0)]


def test_an_order_beyond_buying_power_is_cut_to_what_fits_and_the_rest_cancelled() -> None:
    result = run([10.0, 10.0], BuyAndHold(position_size=1.0), opening=[10.0, 12.5])
    assert order_story(result) == [
        ("submitted", 0, "A", 100.0),
        ("filled", 1, "A", 80.0),
        ("cancelled", 1, "A", 20.0),
    ]
    assert result.orders.reason[2] == "insufficient buying power"
    assert result.curve.cash[-1] == pytest.approx(0.0)


def test_what_fits_leaves_room_for_its_own_commission() -> None:
    result = run([10.0, 10.0], BuyAndHold(position_size=1.0), commission_bps=100)
    assert result.trades.quantity == pytest.approx([1000.0 / 10.1])
    assert result.curve.cash[-1] == pytest.approx(0.0, abs=1e-9)
    least = run([10.0, 10.0], BuyAndHold(position_size=1.0), commission_minimum=50.0)
    assert least.trades.quantity == pytest.approx([95.0])


def test_an_order_of_which_nothing_fits_is_rejected_with_a_reason() -> None:
    result = run([10.0, 10.0], commission_minimum=1000.0)
    assert [event[0] for event in order_story(result)] == ["submitted", "rejected"]
    assert result.orders.reason[1] == "insufficient buying power"
    assert len(result.trades) == 0


def test_leverage_widens_buying_power() -> None:
    symbols, bars = ("A", "B"), [make_bars(s, [10.0, 10.0, 5.0]) for s in "AB"]
    narrow = backtest(make_request(symbols, execution={"max_leverage": 0.5}), bars)
    assert fills(narrow) == [(1, "A", 50.0, 10.0)]
    assert narrow.orders.event[-1] == "rejected"
    audit(narrow, bars)


def test_a_reversal_beyond_buying_power_still_closes() -> None:
    strategy = MaCrossover(short_period=1, long_period=2, position_size=1.0)
    result = run(
        [10.0, 11.0, 10.0, 10.0, 10.0],
        strategy,
        opening=[10.0, 11.0, 11.0, 21.0, 10.0],
        commission_minimum=600.0,
        max_leverage=2.0,
    )
    assert [event[0] for event in order_story(result)][:2] == ["submitted", "filled"]
    assert result.final_positions.get("A", 0.0) <= 0.0


def test_reductions_fill_before_purchases_of_the_same_bar() -> None:
    falls, rises = [10.0, 11.0, 9.0, 9.0], [10.0, 9.0, 11.0, 11.0]
    strategy = MaCrossover(short_period=1, long_period=2, direction="long_only", position_size=1.0)
    bars = [make_bars("B", falls), make_bars("A", rises)]
    result = backtest(make_request(("B", "A"), strategy), bars)
    assert [(bar, symbol) for bar, symbol, *_ in fills(result)] == [(2, "B"), (3, "B"), (3, "A")]
    audit(result, bars)


def test_a_lost_account_is_closed_at_the_next_open_and_orders_nothing_more() -> None:
    strategy = MaCrossover(short_period=1, long_period=2, position_size=1.0)
    closes = [10.0, 9.0, 9.0, 20.0, 21.0, 15.0, 30.0, 5.0]
    result = run(closes, strategy)
    assert order_story(result) == [
        ("submitted", 1, "A", -round(1000 / 9, 9)),
        ("filled", 2, "A", -round(1000 / 9, 9)),
        ("submitted", 3, "A", round(1000 / 9, 9)),
        ("filled", 4, "A", round(1000 / 9, 9)),
    ]
    assert result.final_positions == {}
    assert result.curve.value[3] < 0
    assert any(text.startswith("Equity fell to -222.22 at 2024-01-04: ") for text in result.logs)


def test_the_log_names_the_currency_of_the_request() -> None:
    request = make_request(currency="EUR")
    logs = backtest(request, [make_bars("A", [10.0, 11.0])]).logs
    assert any(text.startswith("Final portfolio value ") and text.endswith(" EUR") for text in logs)
    assert not any("$" in text for text in logs)


def test_a_position_lost_on_the_last_bar_cannot_be_closed_and_is_logged() -> None:
    strategy = MaCrossover(short_period=1, long_period=2, position_size=1.0)
    result = run([10.0, 9.0, 9.0, 20.0], strategy)
    assert order_story(result)[-1][0] == "cancelled"
    assert result.final_positions["A"] < 0


def test_a_symbol_fills_only_at_its_own_bars_and_keeps_its_mark_between_them() -> None:
    bars = [
        make_bars(
            "A", [10.0, 99.0, 99.0, 12.0, 13.0], opening=[10.0, 99, 99, 11, 13], keep=[0, 3, 4]
        ),
        make_bars("B", [5.0] * 5),
    ]
    result = backtest(make_request(("A", "B"), BuyAndHold(position_size=0.5)), bars)
    assert fills(result) == [(1, "B", 50.0, 5.0), (3, "A", 25.0, 11.0)]
    assert result.curve.value.tolist() == [1000.0, 1000.0, 1000.0, 1025.0, 1050.0]
    audit(result, bars)


def test_a_symbol_that_starts_late_is_bought_after_its_first_bar() -> None:
    bars = [make_bars("A", [10.0] * 5), make_bars("B", [20.0] * 5, keep=[3, 4])]
    result = backtest(make_request(("A", "B")), bars)
    assert fills(result) == [(1, "A", 50.0, 10.0), (4, "B", 25.0, 20.0)]
    audit(result, bars)


def test_a_symbol_that_ends_early_keeps_its_last_mark() -> None:
    bars = [make_bars("A", [10.0, 10.0, 14.0]), make_bars("B", [20.0] * 5)]
    result = backtest(make_request(("A", "B"), BuyAndHold(position_size=0.5)), bars)
    assert result.curve.value[-1] == pytest.approx(1100.0)
    assert result.final_positions == {"A": 25.0, "B": 12.5}


def test_one_bar_is_enough_to_run_and_too_few_to_trade() -> None:
    result = run([10.0])
    assert order_story(result) == [("submitted", 0, "A", 100.0), ("cancelled", 0, "A", 100.0)]
    assert result.curve.value.tolist() == [1000.0]


def test_an_average_cost_position_realises_pro_rata() -> None:
    closes = [10.0, 10.0, 10.0, 5.0, 5.0, 4.0, 9.0, 9.0]
    strategy = MeanReversion(
        lookback_period=3, entry_threshold=0.9, exit_threshold=0.5, position_size=0.25
    )
    result = run(closes, strategy, commission_bps=10)
    assert [round(p, 3) for _, _, _, p in fills(result)] == [5.0, 4.0, 9.0]
    paid = result.trades.commission.sum()
    bought = (result.trades.quantity[:2] * result.trades.price[:2]).sum()
    sold = -result.trades.quantity[2] * result.trades.price[2]
    assert np.isnan(result.trades.pnl[:2]).all()
    assert result.trades.pnl[2] == pytest.approx(sold - bought - paid)
    assert result.metrics["round_trips"] == 1


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("column", ["close", "open"])
def test_a_price_that_is_not_positive_and_finite_fails_the_run(column: str, bad: float) -> None:
    closes, opening = [10.0] * 3, [10.0] * 3
    (closes if column == "close" else opening)[1] = bad
    bars = [make_bars("A", closes, opening=opening)]
    with pytest.raises(DataError, match=rf"A: {column} at 2024-01-02.* positive and finite"):
        Simulation(make_request(), in_memory(bars))


def test_bars_for_other_symbols_than_requested_are_refused() -> None:
    with pytest.raises(DataError, match=r"\['A'\].*\['B'\]"):
        backtest(make_request(("A",)), [make_bars("B", [10.0])])


def test_bars_outside_the_requested_range_are_left_out() -> None:
    bars = [make_bars("A", [10.0, 11.0, 12.0, 13.0])]
    request = make_request(start_date="2024-01-02", end_date="2024-01-03")
    assert backtest(request, bars).curve.time.astype("datetime64[D]").tolist() == [
        np.datetime64("2024-01-02").item(),
        np.datetime64("2024-01-03").item(),
    ]
    with pytest.raises(DataError, match="no bars for A"):
        backtest(make_request(start_date="2025-01-01"), bars)
