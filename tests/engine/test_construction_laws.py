"""Portfolio construction on random portfolios: against a plain loop, and by laws.

The loop decides and fills one bar, one symbol and one order at a time and shares no code with the
engine. The laws are those of every run: slices, the order of symbols, later bars and the batch
paths change no byte, and every limit holds in every row.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from attrs import define, evolve, field
from hypothesis import given
from hypothesis import strategies as st
from support.engine_bars import as_bytes, audit, make_bars, run_slices
from support.random_portfolios import CAPITAL, VOLUME, portfolios
from support.random_runs import EXECUTIONS

from glowback_trio.engine import backtest
from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import cost_model
from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.reporting.result_document import BLOCKS, BlockName, result_document
from glowback_trio.engine.timeline import align
from glowback_trio.engine.traders.plan import make_plan
from glowback_trio.engine.traders.rebalancing import RebalancingTrader
from glowback_trio.model.bars import Bars
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.request import BacktestRequest, Execution
from glowback_trio.model.result import Result

# All that is not the request said again, and not the tear sheet, which is slow and has its tests.
COMPARED: list[BlockName] = [
    block for block in BLOCKS if block not in ("portfolio_construction", "manifest", "tearsheet")
]


@define
class Loop:
    """The same rules, one bar, one symbol and one order at a time."""

    request: BacktestRequest
    cash: float = CAPITAL
    peak: float = CAPITAL
    last: datetime | None = None
    since: datetime | None = None  # the schedule counts from here; None while a stop still sells
    sent: dict[str, datetime] = field(factory=dict)
    out: bool = False
    selling: bool = False
    units: dict[str, float] = field(factory=dict)
    mark: dict[str, float] = field(factory=dict)
    new: set[str] = field(factory=set)
    orders: dict[str, float] = field(factory=dict)
    fills: list[tuple[datetime, str, float, float]] = field(factory=list)
    reasons: list[str | None] = field(factory=list)
    values: list[float] = field(factory=list)

    @property
    def held(self) -> bool:
        return any(abs(units) > 1e-9 for units in self.units.values())

    @property
    def latency(self) -> timedelta:
        return timedelta(milliseconds=self.request.execution.latency_ms or 0)

    def run(self, bars: Sequence[Bars]) -> None:
        by_time: dict[datetime, dict[str, tuple[float, float]]] = {}
        for one in bars:
            times = one.time.astype("datetime64[us]").tolist()
            for moment, prices in zip(times, zip(one.open, one.close, strict=True), strict=True):
                by_time.setdefault(moment, {})[one.symbol] = (float(prices[0]), float(prices[1]))
        for moment in sorted(by_time):
            self.bar(moment, by_time[moment])

    def bar(self, now: datetime, prices: dict[str, tuple[float, float]]) -> None:
        due = [
            symbol
            for symbol in sorted(self.orders)
            if symbol in prices and now >= self.sent[symbol] + self.latency
        ]
        sales = [symbol for symbol in due if self.orders[symbol] < 0]
        buys = [symbol for symbol in due if self.orders[symbol] > 0]
        for symbol in (*sales, *buys):
            left = self.fill(now, symbol, prices[symbol][0], self.orders.pop(symbol))
            if abs(left) > 1e-9:
                self.orders[symbol] = left
        self.new |= {s for s in prices if s not in self.mark and self.target(s) > 0}
        self.mark.update({symbol: close for symbol, (_, close) in prices.items()})
        if self.out and not self.held:
            self.since = self.since or now
        self.decide(now)

    def fill(self, now: datetime, symbol: str, opening: float, wanted: float) -> float:
        """Fill an order as far as volume and cash allow; return what waits for the next bar."""
        costs = self.request.execution
        most = VOLUME * (costs.max_volume_participation or math.inf)
        capped = ordered = max(-most, min(most, wanted))
        slippage, rate = (costs.slippage_bps or 0) / 1e4, (costs.commission_bps or 0) / 1e4
        price = opening * (1 + slippage if ordered > 0 else 1 - slippage)
        if ordered > 0:  # cash is what may be spent, as nothing is short and leverage is 1
            held = self.units.get(symbol, 0.0) * price
            others = sum(u * self.mark[s] for s, u in self.units.items() if s != symbol)
            room = (self.cash + held + others) - others - held
            ordered = max(0.0, min(ordered, room / (price * (1 + rate))))
        if ordered:
            self.cash -= ordered * price + abs(ordered) * price * rate
            self.units[symbol] = self.units.get(symbol, 0.0) + ordered
            self.fills.append((now, symbol, ordered, price))
        # What cash cuts off ends, and what volume leaves with it.
        return wanted - capped if abs(ordered - capped) < 1e-9 else 0.0

    def target(self, symbol: str) -> float:
        limits = self.request.portfolio_construction
        assert limits is not None
        total, room = (
            math.fsum(limits.target_weights.values()),
            1 - limits.cash_floor_pct / 100,
        )
        weight = limits.target_weights.get(symbol, 0.0) * min(1.0, room / total)
        return min(weight, (limits.max_weight_pct or 100.0) / 100)

    def decide(self, now: datetime) -> None:
        limits = self.request.portfolio_construction
        assert limits is not None
        worth = {s: self.units.get(s, 0.0) * mark for s, mark in self.mark.items()}
        value = self.cash + sum(worth.values())
        self.values.append(value)
        weights = {s: worth[s] / value for s in worth if self.target(s)}
        if not self.out:
            self.peak = max(self.peak, value)
        reason = self.reason(now, value, weights)
        self.reasons.append(reason)
        if reason is None:
            return
        if reason != "drawdown_guard" and self.out:
            self.peak = value
        self.out, self.last = reason == "drawdown_guard", now
        self.since = None if self.out else now
        self.new.clear()
        goal = {s: 0.0 if self.out else self.target(s) for s in self.mark if self.target(s)}
        turnover = sum(abs(goal[s] - weights[s]) for s in weights)
        most = math.inf if limits.max_turnover_pct is None else limits.max_turnover_pct / 100
        part = min(1.0, most / turnover) if turnover else 1.0
        self.selling = self.out and part < 1.0
        for s, weight in weights.items():
            self.orders.pop(s, None)
            missing = (goal[s] - weight) * part * value / self.mark[s]
            if missing:
                self.orders[s], self.sent[s] = missing, now

    def reason(self, now: datetime, value: float, weights: dict[str, float]) -> str | None:
        limits = self.request.portfolio_construction
        assert limits is not None
        fall = (self.peak - value) / self.peak
        limit = limits.max_drawdown_pct
        if not self.out and limit is not None and fall >= limit / 100 and self.held:
            return "drawdown_guard"
        if self.last is not None and now < self.last + self.latency:
            return None
        if self.selling:
            return "drawdown_guard"
        if self.new and not self.out:
            return "initial_allocation"
        every = limits.rebalance_frequency
        if self.since is not None and period(now, every) != period(self.since, every):
            return f"{every}_schedule"
        threshold = limits.drift_threshold_pct
        if threshold is None or self.out or not weights:
            return None
        away = max(abs(weights[s] - self.target(s)) for s in weights)
        return "drift_threshold" if away >= threshold / 100 else None


def diagnostics(result: Result) -> list[dict[str, Any]]:
    document = result_document(result, "run", include=["portfolio_diagnostics"])
    rows: list[dict[str, Any]] = document["portfolio_diagnostics"]
    return rows


def period(moment: datetime, every: str) -> tuple[int, ...]:
    date = moment.replace(tzinfo=UTC).date()
    if every == "weekly":
        return date.isocalendar()[:2]
    return (date.year, date.month) if every == "monthly" else (date.year, date.month, date.day)


@given(portfolios())
def test_a_plain_loop_decides_and_fills_the_same(case: tuple[BacktestRequest, list[Bars]]) -> None:
    request, bars = case
    result = backtest(request, bars)
    loop = Loop(request)
    loop.run(bars)
    rows = diagnostics(result)
    assert [row["rebalance_reason"] for row in rows] == loop.reasons
    assert result.curve.value.tolist() == pytest.approx(loop.values, rel=1e-9)
    ours = [
        (moment, result.trades.symbols[symbol], quantity, price)
        for moment, symbol, quantity, price in zip(
            result.trades.time.astype("datetime64[us]").tolist(),
            result.trades.symbol.tolist(),
            result.trades.quantity.tolist(),
            result.trades.price.tolist(),
            strict=True,
        )
        if abs(quantity * price) > 1e-6
    ]
    theirs = [fill for fill in loop.fills if abs(fill[2] * fill[3]) > 1e-6]
    assert [fill[:2] for fill in ours] == [fill[:2] for fill in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one[2:] == pytest.approx(other[2:], rel=1e-6, abs=1e-7)


@given(portfolios(), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_slices_and_the_order_of_symbols_change_nothing(
    case: tuple[BacktestRequest, list[Bars]], slices: list[int]
) -> None:
    request, bars = case
    drafts, result = run_slices(request, bars, [1000])
    audit(result, bars)
    mine = [result_document(result, "run", include=[block]) for block in COMPARED]
    turned = evolve(request, symbols=request.symbols[::-1])
    for other, order, cut in (
        (request, bars, slices),
        (request, bars, [1]),
        (turned, bars[::-1], [7]),
    ):
        cut_drafts, cut_result = run_slices(other, order, cut)
        assert cut_drafts == drafts
        assert cut_result.metrics == result.metrics
        assert [result_document(cut_result, "run", include=[block]) for block in COMPARED] == mine


@given(portfolios(), st.integers(1, 30))
def test_no_later_bar_changes_a_decision(
    case: tuple[BacktestRequest, list[Bars]], row: int
) -> None:
    request, bars = case
    before = backtest(request, bars)
    moment = before.curve.time[min(row, len(before.curve) - 1)]
    after = backtest(request, [changed_from(one, moment) for one in bars])
    known = before.curve.time < moment
    count = int(known.sum())
    assert diagnostics(before)[:count] == diagnostics(after)[:count]


def changed_from(bars: Bars, moment: np.datetime64) -> Bars:
    factor = np.where(bars.time >= moment, 3.0, 1.0)
    names = ("open", "high", "low", "close")
    return evolve(bars, **{name: getattr(bars, name) * factor for name in names})


@given(portfolios())
def test_every_limit_is_kept_in_every_row(case: tuple[BacktestRequest, list[Bars]]) -> None:
    request, bars = case
    limits = request.portfolio_construction
    assert limits is not None
    result = backtest(request, bars)
    rows = diagnostics(result)
    for row in rows:
        targets = row["target_weights"]
        assert sum(targets.values()) <= 1 - limits.cash_floor_pct / 100 + 1e-9
        assert max(targets.values()) <= (limits.max_weight_pct or 100) / 100
        assert row["turnover_pct"] <= (limits.max_turnover_pct or math.inf)
        assert row["cash_weight_pct"] >= -1e-6
        drift = {s: (row["realized_weights"][s] - targets[s]) * 100 for s in targets}
        assert row["drift_by_symbol_pct"] == pytest.approx(drift)
        assert row["max_abs_drift_pct"] == pytest.approx(max(map(abs, drift.values())))
        whole = sum(row["realized_weights"].values()) + row["cash_weight_pct"] / 100
        assert whole == pytest.approx(1.0)
    assert result.portfolio is not None
    nested = [hit for row in rows for hit in row["constraint_hits"]]
    assert len(nested) == len(result.portfolio.hits) == result.metrics["constraint_hit_count"]


def many(rows: int = 60, symbols: int = 12) -> tuple[BacktestRequest, list[Bars]]:
    """Enough symbols for the shortcut, and prices that outgrow the buying power."""
    random = np.random.default_rng(7)
    bars = []
    for number in range(symbols):
        close = 10.0 * np.exp(np.cumsum(random.normal(0.0, 0.04, rows)))
        opening = close * np.exp(random.normal(0.01, 0.02, rows))
        bars.append(make_bars(f"S{number:02}", close.tolist(), opening=opening.tolist()))
    weights = {one.symbol: 1.0 / symbols for one in bars}
    limits = PortfolioConstruction(target_weights=weights, rebalance_frequency="daily")
    request = BacktestRequest(
        symbols=sorted(weights),
        start_date="2024-01-01",
        end_date="2030-01-01",
        initial_capital=CAPITAL,
        execution=Execution(slippage_bps=5.0, commission_bps=2.0),
        portfolio_construction=limits,
    )
    return request, bars


COSTS: list[dict[str, Any]] = [
    {},
    {"whole_shares": True},
    {"latency_ms": 3_600_000},
    {"latency_ms": 36 * 3_600_000},
    {"max_leverage": 2.0, "margin_interest_rate": 0.5},
    {"size_at": "fill"},
    {"max_volume_participation": 1e-9},
    {"slippage_volume_impact": 0.1},
    {"commission_minimum": 0.5, "commission_per_share": 0.01},
    {"allow_short": False},
]


@pytest.mark.parametrize("execution", COSTS, ids=str)
def test_every_way_of_filling_gives_the_same_however_it_is_cut(execution: dict[str, Any]) -> None:
    request, bars = many()
    request = evolve(request, execution=Execution(slippage_bps=5.0, **execution))
    _, result = run_slices(request, bars, [1000])
    audit(result, bars)
    assert len(result.trades) > 50
    for slices in ([1], [13, 2]):
        assert as_bytes(run_slices(request, bars, slices)[1]) == as_bytes(result)


def recorded(
    request: BacktestRequest, bars: list[Bars], slices: Sequence[int], *, shortcuts: bool
) -> tuple[bytes, bytes]:
    """The events and fills that a trader of weights writes down, cut into slices of rows."""
    timeline, costs, journal = align(bars), cost_model(request.execution), EventJournal()
    broker = Broker(timeline, costs, journal, request.initial_capital)
    assert request.portfolio_construction is not None
    plan = make_plan(request.portfolio_construction, timeline)
    trader = RebalancingTrader(plan, timeline, broker, costs, journal, shortcuts=shortcuts)
    stops = {stop for stop in slices if stop < len(timeline)}
    for start, stop in itertools.pairwise([0, *sorted(stops), len(timeline)]):
        trader.run(start, stop, timeline.marks(max(start - 1, 0), stop))
    records = journal.take()
    return records.events.tobytes(), records.fills.tobytes()


def test_the_shortcut_changes_no_byte() -> None:
    request, bars = many()
    slow, fast = (recorded(request, bars, [], shortcuts=shortcuts) for shortcuts in (False, True))
    assert slow == fast


@given(portfolios(), EXECUTIONS, st.lists(st.integers(1, 39), max_size=3))
def test_the_shortcut_changes_no_byte_whatever_the_costs(
    run: tuple[BacktestRequest, list[Bars]], execution: dict[str, Any], slices: list[int]
) -> None:
    request, bars = evolve(run[0], execution=Execution(**execution)), run[1]
    slow, fast = (
        recorded(request, bars, slices, shortcuts=shortcuts) for shortcuts in (False, True)
    )
    assert slow == fast


@pytest.mark.parametrize("slices", [[1000], [1], [3, 5, 2]])
def test_ruin_by_costs_ends_it_wherever_it_is_cut(slices: list[int]) -> None:
    random = np.random.default_rng(3)
    closes = {name: 10.0 * np.exp(np.cumsum(random.normal(0, 0.03, 60))) for name in "AB"}
    bars = [make_bars(name, close.tolist()) for name, close in closes.items()]
    request = BacktestRequest(
        symbols=["A", "B"],
        start_date="2024-01-01",
        end_date="2030-01-01",
        initial_capital=CAPITAL,
        execution=Execution(commission_minimum=40.0),
        portfolio_construction=PortfolioConstruction(
            target_weights={"A": 0.3, "B": 0.3},
            rebalance_frequency="daily",
            max_drawdown_pct=50.0,
            drift_threshold_pct=1.0,
        ),
    )
    drafts, result = run_slices(request, bars, slices)
    audit(result, bars)
    assert as_bytes(result) == as_bytes(backtest(request, bars))
    assert drafts == run_slices(request, bars, [1000])[0]
    lost = int(np.flatnonzero(result.curve.value <= 0)[0])
    assert result.final_positions == {}
    rows = diagnostics(result)
    assert not any(row["rebalanced"] for row in rows[lost:])
    assert rows[-1]["realized_weights"] == {"A": None, "B": None}
