"""Every kind of order and every time in force: where it fills, and what becomes of the rest.

By rule a bar fills only what its four prices prove. Cases are worked out by hand, with the reason
that an order ends for.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from support.engine_bars import audit, fills, make_bars, make_request, order_story
from support.scripted_orders import Act, Row, acting, make_ohlc, ordering

from glowback_trio.engine import backtest
from glowback_trio.model.orders import OrderEventKind
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.api import BarStrategy, Context

FIRST: Row = (100.0, 100.0, 100.0, 100.0)
HOUR_MS = 3_600_000


def run(rows: list[Row], strategy: BarStrategy, *, volume: float = 1e9, **wanted: Any) -> Result:
    bars = [make_ohlc(rows, volume=volume, step=wanted.pop("step", "D"))]
    execution = {"max_leverage": 100.0, **wanted}
    result = backtest(make_request(strategy=strategy, execution=execution), bars)
    audit(result, bars)
    return result


def aiming(fraction: float) -> Act:
    return lambda context: context.target("A", fraction)


def ends(result: Result) -> list[tuple[str, int, str]]:
    """What happened after the submissions: event, bar, reason."""
    story = zip(order_story(result), result.orders.reason, strict=True)
    return [(event, bar, why) for (event, bar, _, _), why in story if event != "submitted"]


@pytest.mark.parametrize(
    ("prices", "quantity", "bar", "price"),
    [
        ({}, 1.0, (101, 103, 99, 102), 101),
        ({"limit": 95.0}, 1.0, (94, 96, 93, 95), 94),  # better at the open
        ({"limit": 95.0}, 1.0, (98, 99, 95, 97), 95),  # just touched
        ({"limit": 95.0}, 1.0, (98, 99, 95.25, 97), None),
        ({"limit": 105.0}, -1.0, (106, 107, 104, 105), 106),
        ({"limit": 105.0}, -1.0, (102, 105, 101, 103), 105),
        ({"limit": 105.0}, -1.0, (102, 104.75, 101, 103), None),
        ({"stop": 105.0}, 1.0, (106, 107, 104, 105), 106),  # beyond it at the open
        ({"stop": 105.0}, 1.0, (102, 105, 101, 103), 105),
        ({"stop": 105.0}, 1.0, (102, 104.75, 101, 103), None),
        ({"stop": 95.0}, -1.0, (94, 96, 93, 95), 94),
        ({"stop": 95.0}, -1.0, (98, 99, 95, 97), 95),
        ({"stop": 95.0}, -1.0, (98, 99, 95.25, 97), None),
        ({"stop": 105.0, "limit": 107.0}, 1.0, (102, 109, 101, 108), 105),
        ({"stop": 105.0, "limit": 107.0}, 1.0, (106, 109, 105, 108), 106),
        ({"stop": 105.0, "limit": 107.0}, 1.0, (108, 109, 106, 108), 107),  # came back to it
        ({"stop": 105.0, "limit": 107.0}, 1.0, (108, 109, 107.25, 108), None),
        ({"stop": 105.0, "limit": 103.0}, 1.0, (102, 106, 101, 104), None),  # what came first?
        ({"stop": 105.0, "limit": 103.0}, 1.0, (102, 106, 101, 103), 103),  # from the stop to it
        ({"stop": 105.0, "limit": 103.0}, 1.0, (102, 106, 99, 100), 103),
        ({"stop": 105.0, "limit": 103.0}, 1.0, (104, 104.75, 99, 100), None),  # not triggered
        ({"stop": 95.0, "limit": 93.0}, -1.0, (98, 99, 92, 93), 95),
        ({"stop": 95.0, "limit": 93.0}, -1.0, (92, 94, 91, 92), 93),
        ({"stop": 95.0, "limit": 97.0}, -1.0, (98, 99, 94, 96), None),
        ({"stop": 95.0, "limit": 97.0}, -1.0, (98, 99, 94, 97), 97),
        ({"stop": 95.0, "limit": 97.0}, -1.0, (96, 99, 94, 98.5), 97),
        ({"trail": 5.0}, 1.0, (102, 105, 90, 95), 105),
        ({"trail": 5.0}, 1.0, (102, 104.75, 90, 94.75), None),
        ({"trail": 5.0}, 1.0, (102, 104.75, 90, 95), 95),  # up from the low by the trail
        ({"trail": 5.0}, 1.0, (102, 104.75, 90, 101), 95),
        ({"trail": 5.0}, 1.0, (97, 102, 96, 99), 102),  # the open has moved it to 102
        ({"trail": 5.0}, 1.0, (97, 101.75, 97, 99), None),
        ({"trail": 5.0}, -1.0, (98, 110, 95, 103), 95),
        ({"trail": 5.0}, -1.0, (94, 110, 93, 103), 94),
        ({"trail": 5.0}, -1.0, (98, 110, 95.25, 105.25), None),
        ({"trail": 5.0}, -1.0, (98, 110, 95.25, 103), 105),
        ({"trail": 5.0}, -1.0, (103, 104, 98, 101), 98),
    ],
)
def test_a_bar_fills_what_its_prices_prove(
    prices: dict[str, float], quantity: float, bar: Row, price: float | None
) -> None:
    result = run([FIRST, bar], acting({0: ordering("A", quantity, **prices)}))
    assert fills(result) == ([] if price is None else [(1, "A", quantity, price)])


def test_a_stop_limit_order_triggered_on_the_wrong_side_waits_as_a_limit_order() -> None:
    rows: list[Row] = [FIRST, (102, 106, 101, 104), (104, 104, 103, 104), (101, 102, 100, 101)]
    wrong = run(rows, acting({0: ordering(stop=105.0, limit=103.0)}))
    assert fills(wrong) == [(2, "A", 1.0, 103.0)]


def test_a_trailing_stop_follows_the_bars_that_do_not_trigger_it() -> None:
    rows: list[Row] = [FIRST, (100, 110, 96, 108), (108, 109, 105, 106)]
    assert fills(run(rows, acting({0: ordering("A", -1.0, trail=5.0)}))) == [(2, "A", -1.0, 105.0)]
    gap: list[Row] = [FIRST, (100, 110, 96, 108), (103, 109, 102, 106)]
    assert fills(run(gap, acting({0: ordering("A", -1.0, trail=5.0)}))) == [(2, "A", -1.0, 103.0)]
    back: list[Row] = [FIRST, (100, 110, 96, 108), (107, 109, 106, 107), (107, 107, 104, 104)]
    assert fills(run(back, acting({0: ordering("A", -1.0, trail=5.0)}))) == [(3, "A", -1.0, 105.0)]


def test_a_trail_starts_at_the_close_before_the_first_bar_that_may_fill_it() -> None:
    rows: list[Row] = [FIRST, (100, 120, 100, 120), (120, 121, 116, 117), (117, 117, 114, 115)]
    late = run(rows, acting({0: ordering("A", -1.0, trail=5.0)}), latency_ms=48 * HOUR_MS)
    assert fills(late) == [(3, "A", -1.0, 116.0)]


def test_the_remainder_of_a_triggered_stop_is_a_market_order() -> None:
    rows: list[Row] = [FIRST, (100, 105, 100, 101), (101, 102, 99, 100), (98, 99, 97, 98)]
    for prices in ({"stop": 105.0}, {"trail": 5.0}):
        strategy = acting({0: ordering("A", 25.0, **prices)})
        result = run(rows, strategy, volume=100.0, max_volume_participation=0.1)
        assert fills(result) == [(1, "A", 10, 105), (2, "A", 10, 101), (3, "A", 5, 98)]


def test_a_stop_triggered_on_a_bar_without_volume_fills_at_the_next_open() -> None:
    rows: list[Row] = [FIRST, (100, 105, 100, 101), (99, 100, 98, 99)]
    bars = evolve(make_ohlc(rows), volume=np.array([0.0, 0.0, 1e9]))
    strategy = acting({0: ordering(stop=105.0)})
    execution = {"max_volume_participation": 0.5}
    result = backtest(make_request(strategy=strategy, execution=execution), [bars])
    assert fills(result) == [(2, "A", 1.0, 99.0)]


FOUR_HOURS: list[Row] = [FIRST] * 4


@pytest.mark.parametrize(
    ("time_in_force", "expected"),
    [
        ("GTC", [("filled", 1), ("filled", 2), ("cancelled", 3)]),
        ("DAY", [("filled", 1), ("filled", 2), ("cancelled", 3)]),
        ("IOC", [("filled", 1), ("cancelled", 1)]),
        ("FOK", [("cancelled", 1)]),
    ],
)
def test_how_long_an_order_waits_for_the_rest(
    time_in_force: str, expected: list[tuple[str, int]]
) -> None:
    bars = make_ohlc(FOUR_HOURS, volume=100.0, step="h", start="2024-01-01T21:00")
    strategy = acting({0: ordering("A", 50.0, time_in_force=time_in_force)})
    execution = {"max_volume_participation": 0.1, "max_leverage": 100.0}
    short = make_request(strategy=strategy, execution=execution)
    result = backtest(short, [bars])
    audit(result, [bars])
    first_three = [event[:2] for event in ends(result) if event[:2] != ("filled", 3)]
    assert first_three == expected


@pytest.mark.parametrize(
    ("time_in_force", "bar", "reason"),
    [
        ("GTC", 5, "no bar left to fill it"),
        ("DAY", 3, "DAY: the day ended"),
        ("IOC", 1, "IOC: unfilled remainder cancelled"),
        ("FOK", 1, "FOK: could not fill in full"),
    ],
)
def test_how_an_order_ends_whose_price_never_comes(
    time_in_force: str, bar: int, reason: str
) -> None:
    bars = make_ohlc([FIRST] * 6, step="h", start="2024-01-01T21:00")
    strategy = acting({0: ordering(limit=90.0, time_in_force=time_in_force)})
    result = backtest(make_request(strategy=strategy), [bars])
    assert ends(result) == [("cancelled", bar, reason)]


def test_a_day_order_made_at_the_days_last_bar_lives_the_next_day() -> None:
    rows: list[Row] = [FIRST, FIRST, FIRST, (100, 100, 90, 95)]
    bars = make_ohlc(rows, step="h", start="2024-01-01T22:00")
    strategy = acting({1: ordering(limit=90.0, time_in_force="DAY")})
    assert fills(backtest(make_request(strategy=strategy), [bars])) == [(3, "A", 1.0, 90.0)]


def test_a_day_order_is_open_at_its_days_last_close_which_only_the_next_bar_shows() -> None:
    seen: list[int] = []

    def look(context: Context) -> None:
        seen.append(len(context.open_orders()))

    acts = {0: ordering(limit=90.0, time_in_force="DAY"), 1: look, 2: look, 3: look}
    for rows in (4, 3):  # with and without a bar after the day's last
        seen.clear()
        bars = make_ohlc([FIRST] * rows, step="h", start="2024-01-01T21:00")
        backtest(make_request(strategy=acting(acts)), [bars])
        assert seen[:2] == [1, 1]


def test_a_day_order_lives_through_the_session_of_its_market() -> None:
    """Sydney trades from 23:00 to 04:00 UTC: midnight in UTC ends none of its days."""
    clock = [f"2020-01-13T{hour}" for hour in ("22", "23")]
    clock += [f"2020-01-14T{hour}" for hour in ("00", "01", "23")] + ["2020-01-15T00"]
    rows: list[Row] = [FIRST, FIRST, FIRST, (100, 100, 97, 99), FIRST, (97, 98, 96, 97)]
    bars = evolve(make_ohlc(rows), time=np.array(clock, "M8[ns]"))
    acts = {
        0: ordering(limit=98.0, time_in_force="DAY"),
        3: ordering(limit=96.5, time_in_force="DAY"),
    }
    where: dict[str, Any] = {
        "timezone": "Australia/Sydney",
        "start_date": "2020-01-01",
        "resolution": "hour",
    }
    sydney = make_request(strategy=acting(acts), **where)
    assert fills(backtest(sydney, [bars])) == [(3, "A", 1.0, 98.0), (5, "A", 1.0, 96.5)]
    late = {0: ordering(limit=96.5, time_in_force="DAY")}
    sydney = make_request(strategy=acting(late), **where)
    assert ends(backtest(sydney, [bars])) == [("cancelled", 4, "DAY: the day ended")]


def test_a_fill_or_kill_order_is_killed_where_money_or_the_ban_on_shorts_would_cut_it() -> None:
    poor = acting({0: ordering("A", 20.0, time_in_force="FOK")})
    result = run([FIRST] * 3, poor, max_leverage=1.0)
    assert ends(result) == [("cancelled", 1, "FOK: could not fill in full")]
    banned = acting({0: ordering("A", 5.0), 1: ordering("A", -8.0, time_in_force="FOK")})
    result = run([FIRST] * 3, banned, allow_short=False)
    assert ends(result)[1:] == [("rejected", 2, "short positions are not allowed")]
    assert result.final_positions == {"A": 5.0}


def test_orders_of_one_bar_share_its_volume_in_the_order_they_were_made() -> None:
    def both(context: Any) -> None:
        context.order("A", 6.0)
        context.order("A", 6.0, limit=100.0)

    result = run([FIRST] * 3, acting({0: both}), volume=100.0, max_volume_participation=0.1)
    assert fills(result) == [(1, "A", 6, 100), (1, "A", 4, 100), (2, "A", 2, 100)]


def test_without_shorts_a_sale_ends_at_flat_with_a_reason() -> None:
    strategy = acting({0: ordering("A", 5.0), 1: ordering("A", -8.0)})
    result = run([FIRST] * 3, strategy, allow_short=False)
    assert ends(result)[1:] == [
        ("rejected", 2, "short positions are not allowed"),
        ("filled", 2, ""),
    ]
    assert result.final_positions == {}


def test_without_shorts_a_target_below_zero_means_flat() -> None:
    def aim(fraction: float) -> Any:
        return lambda context: context.target("A", fraction)

    result = run([FIRST] * 4, acting({0: aim(0.5), 1: aim(-0.5)}), allow_short=False)
    assert ends(result) == [("filled", 1, ""), ("filled", 2, "")]
    assert result.final_positions == {}


def test_an_order_that_waits_at_its_limit_pays_the_makers_rate() -> None:
    fees = {"commission_bps": 100.0, "maker_commission_bps": 10.0}
    for prices, bar, rate in (
        ({"limit": 95.0}, (98, 99, 95, 97), 0.001),
        ({"limit": 95.0}, (94, 99, 93, 97), 0.01),  # takes what the open offers
        ({}, (94, 99, 93, 97), 0.01),
        ({"stop": 105.0, "limit": 107.0}, (102, 109, 101, 108), 0.01),  # a taker when triggered
        ({"stop": 105.0, "limit": 107.0}, (108, 109, 106, 108), 0.001),
    ):
        result = run([FIRST, bar], acting({0: ordering("A", 2.0, **prices)}), **fees)
        notional = 2.0 * result.trades.price[0]
        assert result.trades.commission == pytest.approx([notional * rate])


def test_buying_power_counts_the_makers_rate() -> None:
    fees = {"maker_commission_bps": 1000.0, "max_leverage": 1.0}
    result = run([FIRST, (100, 100, 90, 95)], acting({0: ordering("A", 50.0, limit=95.0)}), **fees)
    assert result.trades.quantity == pytest.approx([1000.0 / (95.0 * 1.1)])
    assert result.curve.cash[-1] == pytest.approx(0.0, abs=1e-9)


def test_a_limit_that_the_close_proves_is_a_makers_and_has_no_slippage() -> None:
    fees = {"maker_commission_bps": 10.0, "commission_bps": 100.0, "slippage_bps": 100.0}
    strategy = acting({0: ordering(stop=105.0, limit=103.0)})
    result = run([FIRST, (102, 106, 101, 102)], strategy, **fees)
    assert fills(result) == [(1, "A", 1.0, 103.0)]
    assert result.trades.commission == pytest.approx([0.103])


def test_a_trailing_stop_that_the_close_proves_is_slipped_as_a_stop() -> None:
    fees = {"maker_commission_bps": 10.0, "commission_bps": 100.0, "slippage_bps": 100.0}
    strategy = acting({0: ordering("A", -1.0, trail=5.0)})
    result = run([FIRST, (98, 110, 96, 103)], strategy, **fees)
    assert fills(result) == [(1, "A", -1.0, 105.0 * 0.99)]
    assert result.trades.commission == pytest.approx([105.0 * 0.99 * 0.01])


@pytest.mark.parametrize("prices", [{"stop": 105.0, "limit": 103.0}, {"trail": 5.0}])
def test_an_order_for_one_bar_fills_where_the_close_proves_it(prices: dict[str, float]) -> None:
    bar: Row = (102, 104.75, 90, 96) if "trail" in prices else (102, 106, 101, 103)
    for time_in_force in ("IOC", "FOK"):
        strategy = acting({0: ordering("A", 1.0, time_in_force=time_in_force, **prices)})
        assert [event for event, _, _ in ends(run([FIRST, bar], strategy))] == ["filled"]


def test_slippage_touches_orders_that_do_not_name_their_price() -> None:
    cases: list[tuple[dict[str, Any], float]] = [
        ({}, 100 * 1.01),
        ({"stop": 105.0}, 105 * 1.01),
        ({"trail": 5.0}, 105 * 1.01),
        ({"limit": 103.0}, 100.0),
        ({"stop": 105.0, "limit": 106.0}, 105.0),
    ]
    for prices, price in cases:
        result = run(
            [FIRST, (100, 107, 97, 100)], acting({0: ordering(**prices)}), slippage_bps=100
        )
        assert fills(result)[0][3] == pytest.approx(price)
        assert result.trades.slippage_cost == pytest.approx(
            [0.0 if "limit" in prices else price / 101]
        )


def test_what_an_order_takes_of_the_volume_moves_its_price() -> None:
    rows = [FIRST] * 3
    for quantity, part in ((2.0, 0.2), (-5.0, 0.5), (15.0, 1.0)):
        moved = run(
            rows,
            acting({0: ordering("A", quantity)}),
            volume=10.0,
            slippage_bps=10.0,
            slippage_volume_impact=0.1,
        )
        given_away = 0.001 + 0.1 * part**2
        expected = 100.0 * (1 + given_away if quantity > 0 else 1 - given_away)
        assert moved.trades.quantity.tolist() == [quantity]
        assert moved.trades.price == pytest.approx([expected])


def test_sized_at_the_fill_a_target_is_what_the_account_is_worth_then() -> None:
    target = acting({0: aiming(1.0)})
    rows: list[Row] = [FIRST, (125, 125, 125, 125)]
    result = run(rows, target, size_at="fill", max_leverage=1.0)
    assert order_story(result) == [
        ("submitted", 0, "A", 10.0),
        ("amended", 1, "A", 8.0),
        ("filled", 1, "A", 8.0),
    ]
    whole = run(
        rows, target, size_at="fill", max_leverage=1.0, whole_shares=True, slippage_bps=100.0
    )
    assert fills(whole) == [(1, "A", 7.0, 126.25)]


def test_sized_at_the_fill_less_than_one_unit_is_cancelled() -> None:
    target = acting({0: aiming(1.0)})
    rows: list[Row] = [FIRST, (1100, 1100, 1100, 1100)]
    result = run(rows, target, size_at="fill", max_leverage=1.0, whole_shares=True)
    assert ends(result) == [("cancelled", 1, "less than one unit")]


def test_sized_at_the_fill_equity_is_that_at_the_price_after_slippage() -> None:
    targets = acting({0: aiming(0.5), 1: aiming(0.9)})
    result = run([FIRST] * 3, targets, size_at="fill", max_leverage=1.0, slippage_bps=1000.0)
    assert result.trades.quantity == pytest.approx([500 / 110, 400 / 110])
    assert result.trades.price == pytest.approx([110.0, 110.0])


@pytest.mark.parametrize("fraction", [0.5, 0.9, -0.5])
@pytest.mark.parametrize("volume", [0.0, 5.0, 20.0, 1e9])
def test_sized_at_the_fill_quantity_and_impact_agree(fraction: float, volume: float) -> None:
    target = acting({0: aiming(fraction)})
    wanted = {"size_at": "fill", "slippage_volume_impact": 0.5, "slippage_bps": 100.0}
    result = run([FIRST, FIRST], target, volume=volume, **wanted)
    quantity, price = result.trades.quantity.item(), result.trades.price.item()
    assert quantity * price == pytest.approx(1000.0 * fraction, rel=1e-12)
    part = min(1.0, abs(quantity) / volume) if volume else 1.0
    lost = 0.01 + 0.5 * part**2
    assert price == pytest.approx(100.0 * (1.0 + math.copysign(lost, fraction)), rel=1e-12)


def test_sized_at_the_fill_whole_units_are_the_most_whose_own_price_allows_them() -> None:
    target = acting({0: aiming(0.9)})
    impact = {"size_at": "fill", "slippage_volume_impact": 0.5, "whole_shares": True}
    result = run([FIRST, FIRST], target, volume=10.0, **impact)
    # 7 units cost 124.50 each, 871.50 in all; 8 would cost 132 each, 1,056, which is above 900.
    assert fills(result) == [(1, "A", 7.0, 124.5)]


def test_sized_at_the_fill_nothing_is_ordered_that_slippage_alone_takes_away() -> None:
    targets = acting({0: aiming(0.5), 1: aiming(0.49)})
    rows: list[Row] = [FIRST, FIRST, FIRST]
    result = run(rows, targets, size_at="fill", slippage_bps=1000.0)
    # At the open the position is 0.48 of equity; at the buying price of 110 it is 0.5.
    assert ends(result)[2:] == [("cancelled", 2, "less than one unit")]


def test_sized_at_the_fill_an_order_is_sized_on_the_first_bar_that_fills_any_of_it() -> None:
    target = acting({0: aiming(0.5)})
    rows: list[Row] = [FIRST, (125, 125, 125, 125), (50, 50, 50, 50), (80, 80, 80, 80)]
    bars = evolve(make_ohlc(rows), volume=np.array([0.0, 0.0, 40.0, 1e9]))
    execution = {"size_at": "fill", "max_volume_participation": 0.1}
    result = backtest(make_request(strategy=target, execution=execution), [bars])
    assert order_story(result) == [
        ("submitted", 0, "A", 5.0),
        ("amended", 2, "A", 10.0),
        ("filled", 2, "A", 4.0),
        ("filled", 3, "A", 6.0),
    ]


def test_sized_at_the_fill_a_sale_that_waits_for_volume_is_not_taken_for_a_short_one() -> None:
    targets = {0: aiming(0.5), 1: aiming(0.0), 2: ordering("A", -2.0)}
    bars = evolve(make_ohlc([FIRST] * 5), volume=np.array([0.0, 1e9, 0.0, 20.0, 1e9]))
    execution = {"size_at": "fill", "max_volume_participation": 0.1, "allow_short": False}
    strategy = acting(targets)
    result = backtest(make_request(strategy=strategy, execution=execution), [bars])
    assert fills(result) == [(1, "A", 5.0, 100.0), (3, "A", -2.0, 100.0), (4, "A", -3.0, 100.0)]
    assert list(result.orders.reason).count("short positions are not allowed") == 1


def test_orders_on_a_symbol_that_ends_early_are_cancelled_at_the_end_of_the_run() -> None:
    bars = [make_bars("A", [10.0] * 2), make_bars("B", [10.0] * 5)]
    strategy = acting({1: ordering("A", 1.0, limit=5.0, time_in_force="DAY"), 3: ordering("A")})
    result = backtest(make_request(("A", "B"), strategy), bars)
    assert ends(result) == [("cancelled", 4, "no bar left to fill it")] * 2


def test_the_number_of_an_order_event_kind_is_its_place() -> None:
    assert [int(kind) for kind in OrderEventKind] == list(range(len(OrderEventKind)))
    assert {kind.event for kind in OrderEventKind if not kind.reason} == {"submitted", "filled"}
