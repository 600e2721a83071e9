"""Whole results, pinned: a change of any number is a change to be reviewed.

Values are rounded to ten significant digits, so that the digests hold across numpy versions and
processors, and the prices are made without numpy's generators, whose streams may change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from engine_bars import audit, make_bars, make_request

from glowback_trio.engine import backtest
from glowback_trio.model.bars import Bars
from glowback_trio.model.result import Result
from glowback_trio.model.strategies import (
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Momentum,
    Rsi,
    Strategy,
)

COSTS = {
    "slippage_bps": 5.0,
    "commission_bps": 2.5,
    "commission_per_share": 0.005,
    "commission_minimum": 1.0,
}


def steps(seed: int, count: int) -> Iterator[float]:
    """A linear congruential generator (Numerical Recipes), as steps between -3 % and +3 %."""
    for _ in range(count):
        seed = (1_664_525 * seed + 1_013_904_223) % 2**32
        yield (seed / 2**32 - 0.5) * 0.06


def walk(symbol: str, seed: int, keep: list[int] | None = None) -> Bars:
    price, opening, close = 100.0, [], []
    for gap, step in zip(steps(seed, 300), steps(seed + 1, 300), strict=True):
        opening.append(round(price * (1.0 + gap / 4.0), 4))
        price = round(price * (1.0 + step), 4)
        close.append(price)
    return make_bars(symbol, close, opening=opening, volume=4_000.0, keep=keep)


BARS = [
    walk("AAA", 1),
    walk("BBB", 2, keep=[row for row in range(300) if row % 7 != 3]),
    walk("CCC", 3, keep=list(range(40, 260))),
]


def digest(result: Result) -> str:
    content = hashlib.sha256()
    for column in (
        result.curve.value,
        result.curve.cash,
        result.curve.gross,
        result.curve.drawdown,
        result.trades.quantity,
        result.trades.price,
        result.trades.commission,
        result.trades.pnl,
    ):
        content.update(",".join(f"{number:.9e}" for number in column.tolist()).encode())
    for name, value in sorted(result.metrics.items()):
        content.update(f"{name}={'null' if value is None else f'{value:.9e}'};".encode())
    content.update("".join(result.orders.event).encode())
    return content.hexdigest()[:16]


@pytest.mark.parametrize(
    ("strategy", "execution", "expected"),
    [
        (BuyAndHold(), {}, "c5de163e5235f05e"),
        (MaCrossover(short_period=5, long_period=15), {}, "1980677e0263ca95"),
        (
            MaCrossover(short_period=5, long_period=15),
            {"max_volume_participation": 0.1},
            "fe0c1e076bae5283",
        ),
        (Momentum(), {"whole_shares": True}, "b007d11504e31a54"),
        (MeanReversion(entry_threshold=1.5), {"latency_ms": 2 * 86_400_000}, "8c20c098b51ea84b"),
        (
            MeanReversion(entry_threshold=1.5),
            {"allow_short": False, "max_leverage": 0.5},
            "721a37b81e4793cd",
        ),
        (Rsi(), {}, "05916477c0918563"),
        (Rsi(smoothing="cutler"), {}, "6bbbc1a676af752f"),
    ],
)
def test_a_result_is_what_it_was(
    strategy: Strategy, execution: dict[str, float], expected: str
) -> None:
    request = make_request(
        ("AAA", "BBB", "CCC"), strategy, execution={**COSTS, **execution}, initial_capital=1e6
    )
    result = backtest(request, BARS)
    audit(result, BARS)
    assert len(result.trades) >= 3
    assert digest(result) == expected
