"""Nothing is nothing: what rounding leaves is not traded, not held and not counted.

By rule two numbers are equal within 1e-10 of the larger, and units worth at most 1e-12 of equity
are worthless (docs/engine.md). Expected values are those of decimal arithmetic: 0.1 + 0.2 - 0.3 is
0, ten tenths are 1, and a score of 2 is not beyond 2. All paths to a fill agree to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from support.engine_bars import audit, fills, make_bars, make_request, order_story
from support.scripted_orders import Row, acting, make_ohlc, ordering

from glowback_trio.engine import backtest
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.strategies.builtin import targets
from glowback_trio.engine.tolerance import (
    held_after,
    held_after_each,
    is_rounding,
    is_worthless,
    towards_zero,
    towards_zero_each,
)
from glowback_trio.model.bars import Bars, Floats
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.api import BarStrategy, Context, OnBar, Panel, TargetStrategy
from glowback_trio.model.strategies.parameters import (
    MeanReversion,
    Momentum,
    TargetWeights,
)

FLAT: Row = (100.0, 100.0, 100.0, 100.0)
EXITS = {"stop_loss": 90.0, "take_profit": 110.0}


def run(rows: list[Row], plan: Mapping[int, Any], *, volume: float = 1e9, **wanted: Any) -> Result:
    bars = [make_ohlc(rows, volume=volume)]
    request = make_request(strategy=acting(plan), execution=wanted, initial_capital=10_000.0)
    result = backtest(request, bars)
    audit(result, bars)
    return result


def every_bar(fraction: float) -> BarStrategy:
    @frozen
    class Holding(BarStrategy):
        name: ClassVar[str] = "holding"
        title: ClassVar[str] = "Holding"

        def start(self) -> OnBar:
            return lambda context: context.target("A", fraction)

    return Holding()


def walk(bars: int, seed: int = 1, symbol: str = "A") -> Bars:
    """Return bars of a random walk whose open is not the close before it."""
    random = np.random.default_rng(seed)
    close = np.round(100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, bars))), 2)
    opening = np.round(close * np.exp(random.normal(0.0, 0.005, bars)), 2)
    return make_bars(symbol, close.tolist(), opening=opening.tolist())


# The rule itself.


@pytest.mark.parametrize(
    ("held", "quantity", "left"),
    [
        (0.1 + 0.2, -0.3, 0.0),
        (-(0.1 + 0.2), 0.3, 0.0),
        (0.3, -(0.1 + 0.2), 0.0),  # beyond the position, by rounding
        (1.0, -1.0 + 1e-9, 1e-9),  # a real rest, small as it is
        (1.0, -0.5, 0.5),
        (1.0, -2.0, -1.0),
        (0.0, 1e-9, 1e-9),
        (2e6, -2e6 + 1e-3, 1e-3),  # small next to the position, but worth ten cents
        (1e-3, -1e-3 + 9e-12, 0.0),  # worth less than 1e-12 of equity
    ],
)
def test_a_position_ends_where_rounding_is_all_that_is_left_of_it(
    held: float, quantity: float, left: float
) -> None:
    units = held_after(held, quantity, 100.0, 1e3)
    assert units == pytest.approx(left, rel=1e-6, abs=0.0)
    columns = (np.array([held]), np.array([quantity]), np.array([100.0]), np.array([1e3]))
    assert held_after_each(*columns).tolist() == [units]


def test_rounding_is_a_part_of_what_it_was_made_of_and_worth_a_part_of_equity() -> None:
    assert is_rounding(1e-10, 1.0)
    assert not is_rounding(1.1e-10, 1.0)
    assert not is_rounding(1e-30, 0.0)
    assert is_worthless(-1e-10, 100.0, 1e4)
    assert not is_worthless(1.1e-10, 100.0, 1e4)
    assert not is_worthless(1e-10, 100.0, -1e4)


@pytest.mark.parametrize(
    ("quantity", "whole"),
    [
        (29.999999999999996, 30.0),
        (-29.999999999999996, -30.0),
        (29.999999, 29.0),
        (-0.4, 0.0),
        (1e-20, 0.0),
        (7.0, 7.0),
        (-2.5, -2.0),
    ],
)
def test_a_quantity_that_is_whole_but_for_rounding_is_whole(quantity: float, whole: float) -> None:
    assert towards_zero(quantity) == whole
    assert towards_zero_each(np.array([quantity])).tolist() == [whole]


# Positions.


def test_a_position_of_tenths_that_sum_to_zero_has_ended() -> None:
    plan = {at: ordering("A", units) for at, units in enumerate((0.1, 0.2, -0.3))}
    result = run([FLAT] * 10, plan)
    assert result.final_positions == {}
    assert result.curve.gross[3:].tolist() == [0.0] * 7
    assert result.metrics["round_trips"] == 1
    assert result.metrics["exposure_time"] == 0.2


def test_the_exits_of_a_position_that_has_ended_never_sell_the_next_one() -> None:
    plan = {
        0: ordering("A", 0.1, stop_loss=90.0),
        1: ordering("A", 0.2, stop_loss=90.0),
        2: ordering("A", -0.3),
        5: ordering("A", 1.0),
    }
    result = run([FLAT] * 8 + [(89.0, 89.0, 89.0, 89.0)] * 3, plan)
    assert [quantity for _, _, quantity, _ in fills(result)] == [0.1, 0.2, -0.3, 1.0]
    assert result.final_positions == {"A": 1.0}
    assert result.metrics["round_trips"] == 1


@pytest.mark.parametrize("more", [{}, {"allow_short": False}])
def test_a_sale_that_is_larger_than_its_position_by_rounding_opens_nothing(
    more: dict[str, Any],
) -> None:
    plan = {
        0: ordering("A", 0.3),
        1: ordering("A", -(0.1 + 0.2), time_in_force="FOK", stop_loss=110.0),
    }
    result = run([FLAT] * 5, plan, **more)
    assert result.final_positions == {}
    assert [event for event, *_ in order_story(result)] == ["submitted", "filled"] * 2
    assert result.metrics["round_trips"] == 1


def test_a_round_trip_at_the_average_price_is_neither_won_nor_lost() -> None:
    # 1 at 100.1 and 1 at 100.3 cost 100.2 each on average, and both are sold at that.
    prices = (100.1, 100.1, 100.3, 100.2, 100.2)
    for scale in range(1, 100):
        levels = [round(price * scale, 1) for price in prices]
        rows: list[Row] = [(level, level, level, level) for level in levels]
        plan = {0: ordering("A", 1.0), 1: ordering("A", 1.0), 2: ordering("A", -2.0)}
        result = run(rows, plan, max_leverage=10.0)
        assert result.metrics["round_trips"] == 1
        assert result.metrics["largest_win"] is None
        assert result.metrics["largest_loss"] is None


# Orders.


def test_an_order_that_volume_fills_in_tenths_has_no_eleventh_fill() -> None:
    result = run(
        [FLAT] * 15,
        {0: ordering("A", 1.0)},
        volume=1.0,
        max_volume_participation=0.1,
        commission_minimum=10.0,
    )
    assert [quantity for _, _, quantity, _ in fills(result)] == [0.1] * 10
    assert result.metrics["total_commissions"] == 100.0


def test_volume_that_other_orders_have_used_up_fills_nothing() -> None:
    def three(context: Context) -> None:
        for units in (0.1, 0.2, 0.5):
            context.order("A", units)

    result = run([FLAT] * 3, {0: three}, volume=0.3, max_volume_participation=1.0)
    assert fills(result)[:2] == [(1, "A", 0.1, 100.0), (1, "A", 0.2, 100.0)]
    assert [bar for bar, *_ in fills(result)] == [1, 1, 2]


def test_an_order_of_worthless_units_ends_without_a_fill() -> None:
    result = run([FLAT] * 4, {0: ordering("A", 1e-11), 1: ordering("A", 1.0)}, commission_minimum=1)
    assert order_story(result)[:2] == [("submitted", 0, "A", 0.0), ("cancelled", 0, "A", 0.0)]
    assert result.orders.reason[1] == "too small to trade"
    assert fills(result) == [(2, "A", 1.0, 100.0)]


@pytest.mark.parametrize("units", [1e3, 1e9, 1e12, 1e15, 1e30, 1e300])
def test_an_order_is_cut_to_what_fits_however_large_it_is(units: float) -> None:
    result = run([FLAT] * 3, {0: ordering("A", units)})
    assert fills(result) == [(1, "A", 100.0, 100.0)]
    result = run([FLAT] * 3, {0: ordering("A", -units)}, whole_shares=True)
    assert fills(result) == [(1, "A", -100.0, 100.0)]
    result = run([FLAT] * 3, {0: ordering("A", units)}, volume=30.0, max_volume_participation=1)
    assert fills(result) == [(1, "A", 30.0, 100.0), (2, "A", 30.0, 100.0)]


def test_an_exit_that_is_larger_than_its_position_keeps_its_turn_as_a_reduction() -> None:
    # Of the 9 units with a take profit 4 are sold by hand. At the open that meets the take profit,
    # a purchase of 9 is due too: the 5 units left are sold first, and their money buys.
    plan = {
        0: ordering("A", 9.0, take_profit=110.0),
        1: ordering("A", -4.0),
        2: ordering("A", 9.0),
    }
    rows: list[Row] = [FLAT] * 3 + [(112.0, 112.0, 112.0, 112.0)] * 2
    bars = [make_ohlc(rows)]
    request = make_request(strategy=acting(plan), initial_capital=1000.0)
    result = backtest(request, bars)
    audit(result, bars)
    assert fills(result)[2:3] == [(3, "A", -5.0, 112.0)]
    bought = fills(result)[3]
    assert bought[:2] == (3, "A")
    # 1,000 and 5 x 12 of profit buy 9.46 units at 112.
    assert bought[2] == 9.0
    assert result.final_positions == {"A": 9.0}


def test_an_exit_that_is_larger_than_its_position_by_rounding_keeps_its_turn() -> None:
    def both(context: Context) -> None:
        context.order("A", 90.0)

    plan = {
        0: ordering("A", 90.3, take_profit=110.0),
        1: ordering("A", -90.0),
        2: both,
    }
    result = run([FLAT] * 3 + [(112.0, 112.0, 112.0, 112.0)] * 2, plan)
    assert [quantity for _, _, quantity, _ in fills(result)] == [90.3, -90.0, -0.3, 89.317857143]
    assert "reduce-only: no position left" in list(result.orders.reason)


# Targets.


@pytest.mark.parametrize("minimum", [0.0, 1.0, 5.0])
def test_a_target_that_is_held_is_not_ordered_again(minimum: float) -> None:
    bars = [walk(200, seed=4)]
    request = make_request(
        strategy=every_bar(1.0),
        execution={"commission_minimum": minimum},
        initial_capital=10_000.0,
    )
    result = backtest(request, bars)
    audit(result, bars)
    values = np.abs(result.trades.quantity) * result.trades.price
    # What opens below the close that sized it leaves cash, and only that is bought later.
    assert (values > minimum).all()
    assert len(values) <= 3
    assert (result.curve.cash > -1e-7).all()


def test_weights_that_are_held_are_not_traded_every_day() -> None:
    bars = [walk(500, seed=3)]
    construction = PortfolioConstruction(
        target_weights={"A": 1.0}, rebalance_frequency="daily", max_turnover_pct=100.0
    )
    request = make_request(
        portfolio_construction=construction,
        strategy=TargetWeights(),
        execution={"commission_minimum": 1.0},
        initial_capital=10_000.0,
    )
    result = backtest(request, bars)
    assert len(result.trades) <= 3
    assert result.portfolio is not None
    assert (result.portfolio.turnover[5:] == 0.0).all()
    assert len(result.portfolio.hits.row) == 0


def test_whole_shares_of_a_target_are_not_one_less_by_rounding() -> None:
    # 0.7 x 1000 / 0.07 is 9999.999999999998 in binary.
    bars = [make_bars("A", [0.07] * 4)]
    result = backtest(make_request(strategy=every_bar(0.7), execution={"whole_shares": True}), bars)
    assert fills(result) == [(1, "A", 10_000.0, 0.07)]


# Ties.


def test_a_score_of_exactly_the_threshold_is_not_beyond_it() -> None:
    # Four equal closes and one that differs: its score is 2 whatever it is.
    made = 0
    for dearer in np.arange(1, 400) / 100:
        close = np.array([[10.0]] * 4 + [[10.0 + dearer]])
        strategy = MeanReversion(lookback_period=5, entry_threshold=2.0)
        made += len(targets(strategy, close, allow_short=True).bar)
    assert made == 0


def test_a_score_of_exactly_the_exit_is_not_beyond_it() -> None:
    # The score of the last close is -1: two values, each half of the window.
    for cheaper in np.arange(1, 100) / 100:
        close = np.array([[10.0]] * 3 + [[10.0 - cheaper]] * 2 + [[10.0]] * 2)
        close = np.concatenate((np.full((9, 1), 10.0), close[3:5]))
        strategy = MeanReversion(lookback_period=4, entry_threshold=1.5, exit_threshold=1.0)
        found = targets(strategy, close, allow_short=True)
        assert found.fraction.tolist() == [0.25], cheaper


def test_a_rise_of_exactly_the_threshold_is_not_above_it() -> None:
    strategy = Momentum(lookback_period=1, momentum_threshold=5.0, rebalance_frequency=1)
    before = np.arange(1, 2000) / 100
    close = np.stack((before, np.round(before * 1.05, 4)))
    assert len(targets(strategy, close, allow_short=True).bar) == 0


@pytest.mark.parametrize("percent", [10.0, 20.0, 30.0])
@pytest.mark.parametrize("weight", [0.1, 0.2, 0.3, 0.5])
def test_a_drift_of_exactly_the_threshold_rebalances(percent: float, weight: float) -> None:
    # Cash 1 - w and w of the symbol become w + d: the price multiplies by x with
    # w x / (1 - w + w x) = w + d.
    goal = Decimal(str(weight)) + Decimal(str(percent)) / 100
    ratio = goal * (1 - Decimal(str(weight))) / (Decimal(str(weight)) * (1 - goal))
    bars = [make_bars("A", [100.0, 100.0, 100.0 * float(ratio), 100.0 * float(ratio)])]
    construction = PortfolioConstruction(
        target_weights={"A": weight}, rebalance_frequency="monthly", drift_threshold_pct=percent
    )
    result = backtest(
        make_request(portfolio_construction=construction, strategy=TargetWeights()), bars
    )
    assert [bar for bar, *_ in fills(result)] == [1, 3]


def test_a_fall_of_exactly_the_limit_stops() -> None:
    for percent in range(1, 60):
        last = 100.0 * (1.0 - percent / 100.0)
        bars = [make_bars("A", [100.0, 100.0, last, last])]
        construction = PortfolioConstruction(
            target_weights={"A": 1.0}, rebalance_frequency="monthly", max_drawdown_pct=percent
        )
        result = backtest(
            make_request(portfolio_construction=construction, strategy=TargetWeights()), bars
        )
        assert [bar for bar, *_ in fills(result)] == [1, 3], percent


# Random runs.

tenths = st.integers(-9, 9).filter(bool).map(lambda n: n / 10)


@st.composite
def tenths_runs(draw: st.DrawFn) -> tuple[dict[int, Any], dict[str, Any], float]:
    """Draw orders in tenths, some with exits, and the conditions they fill on."""
    plan: dict[int, Any] = {}
    for bar in range(draw(st.integers(3, 12))):
        exits = draw(st.sampled_from([{}, {}, {"stop_loss": 99.0}, {"take_profit": 101.0}, EXITS]))
        plan[bar] = ordering("A", draw(tenths), **exits)
    execution = {
        "commission_minimum": draw(st.sampled_from([0.0, 1.0])),
        "allow_short": draw(st.booleans()),
        "max_volume_participation": draw(st.sampled_from([None, 0.1, 0.2])),
    }
    return plan, execution, draw(st.sampled_from([1.0, 2.0, 3.0, 7.0]))


@given(tenths_runs())
@settings(max_examples=300)
def test_orders_in_tenths_end_exactly_where_decimals_do(
    drawn: tuple[dict[int, Any], dict[str, Any], float],
) -> None:
    plan, execution, volume = drawn
    rows: list[Row] = [(100.0, 100.5 + at % 3, 99.5 - at % 2, 100.0) for at in range(30)]
    result = run(rows, plan, volume=volume, **execution)
    held, ends = Decimal(0), 0
    units = {int(row): value for row, value in zip(_rows(result), _held(result), strict=True)}
    exact: dict[int, Decimal] = {}
    for row, quantity in zip(_rows(result), result.trades.quantity.tolist(), strict=True):
        filled = round(Decimal(quantity), 6)
        assert abs(filled) >= Decimal("0.1")
        ends += bool(held) and held * (held + filled) <= 0
        held += filled
        exact[int(row)] = held
    assert ends == result.metrics["round_trips"]
    for row, value in exact.items():
        assert (units[row] == 0.0) == (value == 0)
        assert units[row] == pytest.approx(float(value), abs=1e-9)


def _rows(result: Result) -> np.ndarray[Any, Any]:
    return np.searchsorted(result.curve.time, result.trades.time)


def _held(result: Result) -> list[float]:
    """Return the gross exposure over the close at each fill's bar, signed by what was filled."""
    rows = _rows(result)
    net = (result.curve.value - result.curve.cash)[rows] / 100.0
    units: list[float] = np.where(result.curve.gross[rows] == 0.0, 0.0, net).tolist()
    return units


@st.composite
def tables(draw: st.DrawFn) -> tuple[Floats, dict[str, Any], int]:
    """Draw targets in tenths of the share, for a few bars of one or of many symbols."""
    symbols, bars = draw(st.sampled_from([1, 2, 9])), 12
    cell = st.sampled_from([np.nan, 0.0, 0.1, 0.3, 0.3, 1.0, 1.0, -0.3, 1e-13, 0.3 + 1e-15])
    flat = draw(st.lists(cell, min_size=symbols * bars, max_size=symbols * bars))
    execution = {
        "commission_minimum": draw(st.sampled_from([0.0, 1.0])),
        "slippage_bps": draw(st.sampled_from([0.0, 3.0])),
        "whole_shares": draw(st.booleans()),
    }
    return np.array(flat).reshape(bars, symbols), execution, draw(st.integers(0, 9))


@given(tables())
@settings(max_examples=300)
def test_targets_in_tenths_fill_alike_bar_by_bar_and_as_a_batch(
    drawn: tuple[Floats, dict[str, Any], int],
) -> None:
    table, execution, seed = drawn
    names = [chr(ord("A") + at) for at in range(table.shape[1])]
    bars = [walk(len(table), seed + at, name) for at, name in enumerate(names)]

    @frozen
    class AtOnce(TargetStrategy):
        name: ClassVar[str] = "table"
        title: ClassVar[str] = "Table"

        def targets(self, _panel: Panel) -> Floats:
            return table

    @frozen
    class BarByBar(BarStrategy):
        name: ClassVar[str] = "table"
        title: ClassVar[str] = "Table"

        def start(self) -> OnBar:
            rows = iter(table.tolist())

            def on_bar(context: Context) -> None:
                for name, fraction in zip(names, next(rows), strict=True):
                    if not math.isnan(fraction):
                        context.target(name, fraction)

            return on_bar

    batch, events = (
        backtest(make_request(names, strategy, execution=execution, initial_capital=10_000.0), bars)
        for strategy in (AtOnce(), BarByBar())
    )
    for block, columns in (
        ("curve", ("value", "cash", "gross")),
        ("trades", ("quantity", "price")),
    ):
        for column in columns:
            one, two = (getattr(getattr(each, block), column) for each in (batch, events))
            assert one.tobytes() == two.tobytes(), column
    assert batch.metrics == events.metrics
    worth = np.abs(batch.trades.quantity) * batch.trades.price
    assert (worth > 1e-12 * 5_000.0).all()
    assert all(abs(units) > 1e-9 for units in batch.final_positions.values())


def test_the_cost_model_measures_a_cut_by_the_money_of_the_account() -> None:
    costs = CostModel()
    assert costs.affordable(1e20, 10.0, 0.0, 1000.0, 0.0) == 100.0
    assert costs.affordable(100.0 + 1e-12, 10.0, 0.0, 1000.0, 0.0) == 100.0 + 1e-12
    # All money is in other symbols, but for what rounding has left of it.
    assert costs.affordable(1e20, 10.0, 0.0, 1000.0, 1000.0 - 1e-10) == 0.0
    assert costs.affordable(-50.0, 10.0, 20.0, 200.0, 0.0) == -40.0
