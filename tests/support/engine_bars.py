"""Bars and requests for the engine's tests, and an auditor that trusts no figure of a result."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pytest

from glowback_trio.engine import Simulation
from glowback_trio.engine.reporting.result_document import result_document
from glowback_trio.model.bars import Bars, Dataset, Quality
from glowback_trio.model.events import EventDraft
from glowback_trio.model.request import BacktestRequest, Execution
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.parameters import BuyAndHold, Strategy
from glowback_trio.wire.json_text import dumps

MONDAY = "2024-01-01"


def make_bars(
    symbol: str,
    close: Sequence[float],
    *,
    opening: Sequence[float] | None = None,
    volume: float = 1e9,
    start: str = MONDAY,
    step: Literal["h", "D", "W"] = "D",
    keep: Sequence[int] | None = None,
) -> Bars:
    """Bars one `step` apart whose opens are the last closes, unless they are given."""
    closes = np.array(close, dtype=float)
    opens = np.concatenate((closes[:1], closes[:-1])) if opening is None else np.array(opening)
    time = np.datetime64(start, "ns") + np.arange(len(closes)) * np.timedelta64(1, step)
    rows = np.arange(len(closes)) if keep is None else np.array(keep, dtype=int)
    high, low = np.maximum(opens, closes), np.minimum(opens, closes)
    columns = (opens, high, low, closes, np.full(len(closes), volume))
    return Bars(symbol, time[rows], *(column[rows] for column in columns))


def make_request(
    symbols: Sequence[str] = ("A",),
    strategy: Strategy | None = None,
    *,
    execution: dict[str, Any] | None = None,
    **fields: Any,
) -> BacktestRequest:
    fields = {"start_date": "2024-01-01", "end_date": "2030-01-01", **fields}
    return BacktestRequest(
        symbols=tuple(symbols),
        strategy=strategy or BuyAndHold(position_size=1.0),
        execution=Execution(**(execution or {})),
        **{"initial_capital": 1000.0, **fields},
    )


def in_memory(bars: Sequence[Bars]) -> Dataset:
    quality = [Quality(one.symbol, rows=len(one), bars=len(one)) for one in bars]
    return Dataset(bars, "memory", "user_provided", quality)


def run_slices(
    request: BacktestRequest, bars: Sequence[Bars], slices: Sequence[int]
) -> tuple[list[EventDraft], Result]:
    """Advance by these slices, the last one as often as needed."""
    simulation = Simulation(request, in_memory(bars))
    drafts, wanted = [], list(slices)
    while not simulation.finished:
        drafts += simulation.advance(wanted.pop(0) if len(wanted) > 1 else wanted[0])
    return drafts, simulation.result()


def as_bytes(result: Result) -> bytes:
    return dumps(result_document(result, "run"))


def order_story(result: Result) -> list[tuple[Any, ...]]:
    """Return the order events as (event, bar, symbol, quantity), quantities rounded."""
    log, time = result.orders, result.curve.time
    rows = np.searchsorted(time, log.time)
    return [
        (event, int(row), result.trades.symbols[int(symbol)], round(float(quantity), 9))
        for event, row, symbol, quantity in zip(
            log.event, rows, log.symbol, log.quantity, strict=True
        )
    ]


def fills(result: Result) -> list[tuple[int, str, float, float]]:
    """Return the fills as (bar, symbol, quantity, price), rounded."""
    trades = result.trades
    rows = np.searchsorted(result.curve.time, trades.time)
    return [
        (int(row), trades.symbols[int(symbol)], round(float(quantity), 9), round(float(price), 9))
        for row, symbol, quantity, price in zip(
            rows, trades.symbol, trades.quantity, trades.price, strict=True
        )
    ]


def audit(result: Result, bars: Sequence[Bars]) -> None:
    """Recompute every row of a result from its fills, in a separate plain ledger."""
    check_stories(result)
    trades, curve, capital = result.trades, result.curve, result.curve.capital
    execution = result.manifest["execution"]
    ledger = _PlainLedger(capital, execution["borrow_rate"], execution["margin_interest_rate"])
    closes = {
        one.symbol: dict(zip(one.time.tolist(), one.close.tolist(), strict=True)) for one in bars
    }
    by_time = defaultdict(list)
    for index in range(len(trades)):
        by_time[trades.time[index].item()].append(index)
    tolerance = 1e-9 * (capital + float(np.abs(trades.quantity * trades.price).sum()))
    for row, moment in enumerate(curve.time.tolist()):
        ledger.wait((moment - curve.time[max(row - 1, 0)].item()) / 1e9 / 86_400 / 365)
        for index in by_time[moment]:
            symbol = trades.symbols[int(trades.symbol[index])]
            pnl = ledger.fill(
                symbol,
                float(trades.quantity[index]),
                float(trades.price[index]),
                float(trades.commission[index]),
            )
            assert trades.pnl[index] == pytest.approx(pnl, abs=tolerance, nan_ok=True)
        ledger.mark.update(
            {symbol: column[moment] for symbol, column in closes.items() if moment in column}
        )
        ledger.check(
            *(float(c[row]) for c in (curve.value, curve.cash, curve.gross)), tolerance=tolerance
        )
    assert result.final_cash == curve.cash[-1]
    assert result.final_positions == {s: q for s, q in ledger.units.items() if q}
    if not result.final_positions:
        earned = math.fsum(trades.pnl[~np.isnan(trades.pnl)].tolist())
        assert earned + ledger.carry == pytest.approx(curve.value[-1] - capital, abs=tolerance)
    assert math.fsum(result.carry.values()) == pytest.approx(ledger.carry, abs=tolerance)
    assert result.metrics["total_financing_cost"] == pytest.approx(-ledger.carry, abs=tolerance)


def check_stories(result: Result) -> None:
    """Check that what was ordered is what was filled and what was not, order by order.

    But for rounding: 0.3 less 0.1 is not quite 0.2.
    """
    log = result.orders
    assert (log.time[1:] >= log.time[:-1]).all()
    left: dict[int, float] = {}
    ordered: dict[int, float] = {}
    for event, number, quantity in zip(
        log.event, log.order.tolist(), log.quantity.tolist(), strict=True
    ):
        if event in ("submitted", "amended"):
            assert (event == "submitted") == (number not in left)
            left[number] = ordered[number] = quantity
        else:
            assert quantity * left[number] > 0
            assert abs(quantity) <= abs(left[number]) + 1e-10 * abs(ordered[number])
            left[number] -= quantity
    assert list(left) == list(range(1, len(left) + 1))
    assert all(abs(rest) <= 1e-10 * abs(ordered[number]) for number, rest in left.items())
    filled = [n for e, n in zip(log.event, log.order.tolist(), strict=True) if e == "filled"]
    assert filled == result.trades.order.tolist()


class _PlainLedger:
    """An average-cost ledger kept the plain way, commissions apart."""

    def __init__(self, capital: float, borrow_rate: float, margin_rate: float) -> None:
        self.capital = self.cash = capital
        self.borrow_rate, self.margin_rate, self.carry = borrow_rate, margin_rate, 0.0
        self.units: dict[str, float] = defaultdict(float)
        self.cost: dict[str, float] = defaultdict(float)
        self.entry: dict[str, float] = defaultdict(float)
        self.mark: dict[str, float] = defaultdict(float)
        self.realised = self.commissions = 0.0

    def wait(self, years: float) -> None:
        shorts = math.fsum(-q * self.mark[s] for s, q in self.units.items() if q < 0)
        paid = (shorts * self.borrow_rate + max(0.0, -self.cash) * self.margin_rate) * years
        self.cash -= paid
        self.carry -= paid

    def fill(self, symbol: str, quantity: float, price: float, paid: float) -> float:
        held, pnl = self.units[symbol], math.nan
        self.cash -= quantity * price + paid
        self.commissions += paid
        closed = min(abs(held), abs(quantity)) if held * quantity < 0 else 0.0
        if closed and abs(held + quantity) <= 1e-10 * abs(held):
            # What is left is rounding, so all of the position is closed.
            held = -quantity
            closed = abs(held)
        if closed:
            gross = math.copysign(closed, held) * (price - self.cost[symbol])
            fees = self.entry[symbol] * closed / abs(held) + paid * closed / abs(quantity)
            pnl = gross - fees
            self.realised += gross
            self.entry[symbol] *= 1 - closed / abs(held)
        opened = abs(quantity) - closed
        if opened:
            kept = abs(held) - closed
            self.cost[symbol] = (kept * self.cost[symbol] + opened * price) / (kept + opened)
            self.entry[symbol] += paid * opened / abs(quantity)
        self.units[symbol] = held + quantity
        return pnl

    def check(self, value: float, cash: float, gross: float, *, tolerance: float) -> None:
        worth = {symbol: units * self.mark[symbol] for symbol, units in self.units.items()}
        unrealised = math.fsum(
            units * (self.mark[symbol] - self.cost[symbol]) for symbol, units in self.units.items()
        )
        assert cash == pytest.approx(self.cash, abs=tolerance)
        assert value == pytest.approx(self.cash + math.fsum(worth.values()), abs=tolerance)
        assert gross == pytest.approx(math.fsum(map(abs, worth.values())), abs=tolerance)
        earned = self.realised + unrealised - self.commissions + self.carry
        assert value - self.capital == pytest.approx(earned, abs=tolerance)
