"""A run that is cut in time where nothing is held is the two runs on either side of the cut.

The strategies here act by the date and know no past, so that what is left to carry over a cut is
only the account. All their prices are fractions of a close, so that scaling prices scales orders.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from attrs import evolve, frozen
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.engine_bars import audit, make_request
from support.random_runs import EXECUTIONS, market

from glowback_trio.engine import backtest
from glowback_trio.model.bars import Bars, Floats, Times
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.api import BarStrategy, Context, OnBar, Panel, TargetStrategy

FIRST_DAY, DAY = np.datetime64("2024-01-01", "ns"), np.timedelta64(1, "D")
FINANCED = {"borrow_rate": 0.5, "margin_interest_rate": 0.4}
MORE: st.SearchStrategy[dict[str, Any]] = st.sampled_from([{}, {"size_at": "fill"}, FINANCED])


@frozen
class Deed:
    """What to do about a symbol: aim at a target, or order a part of equity at some prices.

    Attributes:
        fraction: Of the symbol's share of equity, or of equity.
        prices: Of the order, each as its distance from the close, a fraction; None: a target.
    """

    fraction: float
    prices: Mapping[str, float] | None = None

    def done(self, context: Context, symbol: str) -> None:
        if self.prices is None:
            for order in context.open_orders(symbol) if not self.fraction else ():
                context.cancel(order)
            context.target(symbol, self.fraction)
            return
        close = context.close(symbol)
        prices = {name: close * (1.0 + away) for name, away in self.prices.items()}
        units = float(math.trunc(self.fraction * context.equity / close))
        if units and all(price > 0.0 for price in prices.values()):
            context.order(symbol, units, **prices)  # type: ignore[arg-type] # prices only


Plan = Mapping[tuple[int, str], Deed]


def days_of(time: Times) -> list[int]:
    days: list[int] = ((time - FIRST_DAY) // DAY).tolist()
    return days


def by_bars(plan: Plan) -> BarStrategy:
    @frozen
    class Planned(BarStrategy):
        name: ClassVar[str] = "planned"
        title: ClassVar[str] = "Planned"

        def start(self) -> OnBar:
            def on_bar(context: Context) -> None:
                (day,) = days_of(np.array([context.time]))
                for symbol in context.active:
                    if deed := plan.get((day, symbol)):
                        deed.done(context, symbol)

            return on_bar

    return Planned()


def by_targets(plan: Plan) -> TargetStrategy:
    @frozen
    class Planned(TargetStrategy):
        name: ClassVar[str] = "planned"
        title: ClassVar[str] = "Planned"

        def targets(self, panel: Panel) -> Floats:
            nothing = Deed(math.nan)
            return np.array(
                [
                    [plan.get((day, symbol), nothing).fraction for symbol in panel.symbols]
                    for day in days_of(panel.time)
                ]
            )

    return Planned()


FRACTIONS = st.sampled_from([0.0, 0.0, 0.5, 1.0, -0.7])
AWAY = st.sampled_from([-0.1, -0.02, 0.02, 0.1])
PRICES = st.dictionaries(st.sampled_from(["limit", "stop", "stop_loss", "take_profit"]), AWAY)


@st.composite
def planned_runs(draw: st.DrawFn) -> tuple[BacktestRequest, list[Bars]]:
    bars = market(
        draw(st.integers(0, 2**32 - 1)),
        symbols=draw(st.sampled_from([1, 2, 9])),
        rows=draw(st.integers(16, 30)),
        gaps=draw(st.sampled_from([0.0, 0.3])),
        spread=draw(st.sampled_from([0.02, 0.2])),
    )
    symbols = [one.symbol for one in bars]
    left = draw(st.integers(5, 10))  # when all that is held is left, again and again
    days = st.one_of(st.integers(0, left - 1), st.integers(left + 3, 29))
    known = draw(st.booleans())
    deeds = st.builds(Deed, FRACTIONS, st.none() if known else st.none() | PRICES)
    at = st.tuples(days, st.sampled_from(symbols))
    plan = draw(st.dictionaries(at, deeds, min_size=4, max_size=16))
    plan |= {(left + day, symbol): Deed(0.0) for day in range(3) for symbol in symbols}
    execution: dict[str, Any] = {**draw(EXECUTIONS), **draw(MORE)}
    strategy = by_targets(plan) if known else by_bars(plan)
    request = make_request(symbols, strategy, execution=execution)
    return request, bars


def flat_rows(result: Result) -> list[int]:
    """The rows before which nothing is held and no order is open, but for the first."""
    log, time = result.orders, result.curve.time
    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    for number, row in zip(log.order.tolist(), np.searchsorted(time, log.time), strict=True):
        begins.setdefault(number, int(row))
        ends[number] = int(row)
    waiting = {row for number in begins for row in range(begins[number] + 1, ends[number] + 1)}
    held = result.curve.gross != 0.0
    return [row for row in range(1, len(time)) if not held[row - 1] and row not in waiting]


def cut(request: BacktestRequest, moment: Any) -> tuple[BacktestRequest, BacktestRequest]:
    day, before = str(moment)[:10], str(moment - DAY)[:10]
    return evolve(request, end_date=before), evolve(request, start_date=day)


def story(results: Sequence[Result]) -> dict[str, list[Any]]:
    """What happened in one or more runs, one after the other."""
    columns: dict[str, list[Any]] = {}
    for one in results:
        for block, names in (
            (one.curve, ("time", "value", "cash", "gross")),
            (one.trades, ("time", "symbol", "quantity", "price", "commission", "slippage_cost")),
            (one.orders, ("time", "what", "symbol", "quantity")),
        ):
            for name in names:
                values = getattr(block, name).tolist()
                columns.setdefault(f"{type(block).__name__}.{name}", []).extend(values)
        profits = one.trades.pnl
        columns.setdefault("realised", []).extend(profits[~np.isnan(profits)].tolist())
    return columns


@given(planned_runs(), st.data())
@settings(max_examples=50)
def test_a_run_cut_where_it_is_flat_is_its_two_halves(
    run: tuple[BacktestRequest, list[Bars]], data: st.DataObject
) -> None:
    request, bars = run
    whole = backtest(request, bars)
    audit(whole, bars)
    latest, earliest = max(one.time[0] for one in bars), min(one.time[-1] for one in bars)
    time, traded = whole.curve.time, whole.trades.time
    rows = [row for row in flat_rows(whole) if latest < time[row] <= earliest]
    rows = [row for row in rows if (traded < time[row]).any() and (traded >= time[row]).any()]
    assume(rows and (whole.curve.value > 0.0).all())
    row = data.draw(st.sampled_from(rows))
    early, late = cut(request, time[row])
    first = backtest(early, bars)
    assert not first.final_positions
    second = backtest(evolve(late, initial_capital=first.final_cash), bars)
    assert story([first, second]) == story([whole])


@given(planned_runs(), st.sampled_from([2.0, 0.125]))
@settings(max_examples=30)
def test_orders_at_fractions_of_a_close_scale_with_prices_and_capital(
    run: tuple[BacktestRequest, list[Bars]], factor: float
) -> None:
    request, bars = run
    execution = request.execution
    dearer = evolve(
        request,
        initial_capital=request.initial_capital * factor,
        execution=evolve(
            execution,
            commission_per_share=execution.commission_per_share * factor,
            commission_minimum=execution.commission_minimum * factor,
        ),
    )
    scaled = [
        evolve(
            one, **{name: getattr(one, name) * factor for name in ("open", "high", "low", "close")}
        )
        for one in bars
    ]
    result, other = backtest(request, bars), backtest(dearer, scaled)
    assert other.trades.quantity.tolist() == result.trades.quantity.tolist()
    assert other.orders.what.tolist() == result.orders.what.tolist()
    assert other.curve.value.tolist() == (result.curve.value * factor).tolist()
    assert other.carry == {name: paid * factor for name, paid in result.carry.items()}


@given(planned_runs())
@settings(max_examples=30)
def test_the_order_of_symbols_changes_nothing_that_custom_strategies_do(
    run: tuple[BacktestRequest, list[Bars]],
) -> None:
    request, bars = run
    turned = backtest(evolve(request, symbols=request.symbols[::-1]), bars[::-1])
    result = backtest(request, bars)
    assert story([turned]) == story([result])
    assert turned.metrics == result.metrics
