"""The engine against vectorbt: one account, hundreds of symbols, the same money at every bar.

vectorbt is run here and nowhere else: its license is not that of this package, so no part of the
package depends on it. Not collected with the other tests: `nox -s vectorbt`. It compiles for a
minute first.

It is set to our rules: orders to a percentage of the group's value on the bars after the side has
changed, filled at the open, sized at the close before (`val_price`), which also values the group;
sales first (`call_seq="auto"`). The order of fills does not show, for two reasons:

* Its buying power is cash, ours is gross exposure against equity, and either reduces what does not
  fit. So targets are small enough for neither to bind, and the tests check that none did.
* It has no minimum commission, no volume limit and no latency, so there is none.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import vectorbt
from attrs import frozen
from support.engine_bars import audit, make_request

from glowback_trio.engine import backtest
from glowback_trio.model.bars import Bars, Floats
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.parameters import MaCrossover

pytestmark = [
    pytest.mark.filterwarnings("default"),  # what it warns of is not ours to fail on
    pytest.mark.timeout(900),  # it compiles
]

CAPITAL = 1_000_000.0
FAST, SLOW = 10, 30
RELATIVE = 1e-9

Direction = Literal["long_only", "long_short"]


@frozen
class Prices:
    """Open and close prices of N symbols on T days, (T, N)."""

    opening: Floats
    close: Floats

    def bars(self) -> list[Bars]:
        days, symbols = self.close.shape
        time = np.datetime64("2010-01-01", "ns") + np.arange(days) * np.timedelta64(1, "D")
        found = []
        for number in range(symbols):
            opening, close = self.opening[:, number].copy(), self.close[:, number].copy()
            high, low = np.maximum(opening, close), np.minimum(opening, close)
            volume = np.full(days, 1e6)
            found.append(Bars(f"S{number:03}", time, opening, high, low, close, volume))
        return found


def walks(days: int, symbols: int) -> Prices:
    """Make geometric Brownian motions with gaps between close and open."""
    rng = np.random.default_rng(42)
    close = 100.0 * np.exp(np.cumsum(rng.normal(2e-4, 0.02, (days, symbols)), axis=0))
    return Prices(close * np.exp(rng.normal(0.0, 0.005, close.shape)), close)


def targets(prices: Prices, direction: Direction, fraction: float) -> Floats:
    """Return (T, N): the new target on the bars that change the side, NaN on all others."""
    fast, slow = (trailing(prices.close, bars) for bars in (FAST, SLOW))
    below = 0.0 if direction == "long_only" else -fraction
    wanted = np.where(fast > slow, fraction, below)
    wanted[: SLOW - 1] = np.nan
    changed = wanted[1:] != wanted[:-1]
    first = wanted[SLOW - 1] != 0.0  # nothing is held, so to be flat is nothing new
    wanted[1:][~changed] = np.nan
    wanted[SLOW - 1][~first] = np.nan
    return wanted


def trailing(close: Floats, bars: int) -> Floats:
    means = np.full_like(close, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(close, bars, axis=0)
    means[bars - 1 :] = windows.mean(axis=-1)
    return means


def ours(prices: Prices, direction: Direction, size: float, costs: tuple[float, float]) -> Result:
    bars = prices.bars()
    request = make_request(
        [one.symbol for one in bars],
        MaCrossover(FAST, SLOW, direction, position_size=size),
        execution={"slippage_bps": costs[0] * 1e4, "commission_bps": costs[1] * 1e4},
        initial_capital=CAPITAL,
        start_date="2010-01-01",
    )
    result = backtest(request, bars)
    if len(bars) < 100:  # it keeps its books in plain Python
        audit(result, bars)
    return result


def theirs(prices: Prices, direction: Direction, size: float, costs: tuple[float, float]) -> Any:
    wanted = targets(prices, direction, size / prices.close.shape[1])
    return vectorbt.Portfolio.from_orders(
        prices.close,
        size=after(wanted, np.full_like(wanted[:1], np.nan)),
        size_type="targetpercent",
        price=prices.opening,
        val_price=after(prices.close, prices.opening[:1]),
        slippage=costs[0],
        fees=costs[1],
        init_cash=CAPITAL,
        group_by=True,
        cash_sharing=True,
        call_seq="auto",
    )


def after(rows: Floats, first: Floats) -> Floats:
    """Move each row one bar later."""
    return np.concatenate((first, rows[:-1]))


@pytest.mark.parametrize("costs", [(0.0, 0.0), (5e-4, 2.5e-4)])
@pytest.mark.parametrize(("direction", "size"), [("long_only", 0.95), ("long_short", 0.5)])
@pytest.mark.parametrize(("days", "symbols"), [(300, 5), (2_520, 500)])
def test_targets_on_one_account_make_the_same_money_at_every_bar(
    days: int, symbols: int, direction: Direction, size: float, costs: tuple[float, float]
) -> None:
    prices = walks(days, symbols)
    result = ours(prices, direction, size, costs)
    other = theirs(prices, direction, size, costs)
    ended = [reason for reason in result.orders.reason if reason]
    assert set(ended) <= {"no bar left to fill it"}
    assert len(result.trades) == other.orders.count() > 5 * symbols
    for mine, same in (
        (result.curve.value, other.value()),
        (result.curve.cash, other.cash()),
        (result.curve.gross, other.asset_value(group_by=False).abs().sum(axis=1)),
    ):
        assert mine == pytest.approx(same.to_numpy(), rel=RELATIVE, abs=RELATIVE * CAPITAL)
    held = other.assets().to_numpy()[-1]
    mine_held = [result.final_positions.get(f"S{number:03}", 0.0) for number in range(symbols)]
    assert mine_held == pytest.approx(held, rel=RELATIVE)
