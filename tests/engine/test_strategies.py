"""The built-in strategies, on short series worked out by hand.

Doctrine: each rule has a case to itself, ties and rounding included; targets are compared, not
fills, except where the rule is about orders.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.engine_bars import fills, make_bars, make_request

from glowback_trio.engine import backtest
from glowback_trio.engine.strategies.builtin import targets
from glowback_trio.model.strategies.parameters import (
    BuiltIn,
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Momentum,
    Rsi,
)


def wanted(strategy: BuiltIn, closes: list[float], *, allow_short: bool = True) -> dict[int, float]:
    """New targets by bar."""
    found = targets(strategy, np.array(closes)[:, None], allow_short=allow_short)
    assert not found.column.any()
    return dict(zip(found.bar.tolist(), found.fraction.tolist(), strict=True))


def test_buy_and_hold_buys_once_at_the_first_bar() -> None:
    assert wanted(BuyAndHold(), [10.0, 5.0, 20.0]) == {0: 0.95}
    assert wanted(BuyAndHold(position_size=0.4), [10.0]) == {0: 0.4}


# means of 2:    nan 10 11 12 11  9  9 10.5
# means of 3:    nan nan 10.67 11.33 11.33 10 9.33 9.67
CROSSING = [10.0, 10.0, 12.0, 12.0, 10.0, 8.0, 10.0, 11.0]


@pytest.mark.parametrize(
    ("parameters", "allow_short", "expected"),
    [
        ({}, True, {2: 0.95, 4: -0.95, 7: 0.95}),
        ({"position_size": 0.5}, True, {2: 0.5, 4: -0.5, 7: 0.5}),
        ({"direction": "long_only"}, True, {2: 0.95, 4: 0.0, 7: 0.95}),
        ({}, False, {2: 0.95, 4: 0.0, 7: 0.95}),
    ],
)
def test_ma_crossover_takes_the_side_of_the_fast_mean(
    parameters: dict[str, Any], *, allow_short: bool, expected: dict[int, float]
) -> None:
    strategy = MaCrossover(short_period=2, long_period=3, **parameters)
    assert wanted(strategy, CROSSING, allow_short=allow_short) == expected


def test_ma_crossover_takes_its_first_side_without_a_cross_and_below_counts_too() -> None:
    strategy = MaCrossover(short_period=1, long_period=2)
    assert wanted(strategy, [10.0, 9.0, 8.0]) == {1: -0.95}


def test_equal_means_keep_the_side_and_rounding_counts_as_equal() -> None:
    strategy = MaCrossover(short_period=1, long_period=2)
    assert wanted(strategy, [10.0, 11.0, 11.0, 11.0, 12.0]) == {1: 0.95}
    assert wanted(strategy, [10.0, 11.0, 11.0 * (1 - 1e-13), 11.0, 10.0]) == {1: 0.95, 4: -0.95}
    assert wanted(strategy, [10.0, 10.0, 10.0]) == {}


def test_periods_longer_than_the_series_never_trade() -> None:
    closes = [10.0, 11.0, 12.0]
    assert wanted(MaCrossover(short_period=2, long_period=500), closes) == {}
    assert wanted(Momentum(lookback_period=3), closes) == {}
    assert wanted(MeanReversion(lookback_period=4), closes) == {}
    assert wanted(Rsi(lookback_period=3), closes) == {}


def test_momentum_looks_at_its_lookback_and_every_rebalance_after_it() -> None:
    strategy = Momentum(lookback_period=2, momentum_threshold=5.0, rebalance_frequency=3)
    #         looks at bars 2, 5, 8, 11 against 0, 3, 6, 9
    closes = [100.0, 90, 106, 100, 100, 103, 100, 100, 94, 100, 120, 94.9]
    assert wanted(strategy, closes) == {2: 0.95, 8: 0.0}


def test_momentum_of_exactly_the_threshold_is_not_beyond_it() -> None:
    strategy = Momentum(lookback_period=1, momentum_threshold=5.0, rebalance_frequency=1)
    assert wanted(strategy, [100.0, 105.0, 110.25, 116.0]) == {3: 0.95}
    assert wanted(strategy, [100.0, 106.0, 100.7, 95.0]) == {1: 0.95, 3: 0.0}


def test_momentum_never_shorts() -> None:
    strategy = Momentum(lookback_period=1, rebalance_frequency=1)
    request = make_request(strategy=strategy)
    result = backtest(request, [make_bars("A", [100.0, 90.0, 80.0, 90.0, 70.0, 70.0])])
    assert [quantity > 0 for _, _, quantity, _ in fills(result)] == [True, False]


def test_rsi_buys_when_oversold_and_leaves_when_overbought() -> None:
    strategy = Rsi(lookback_period=2, oversold_threshold=30.0, overbought_threshold=70.0)
    # changes -1 -1 +1 +3 -1: gains .5 -> 0, .5, 1.75, .875; losses 1, .5, .25, .625
    closes = [10.0, 9.0, 8.0, 9.0, 12.0, 11.0]
    assert wanted(strategy, closes) == {2: 0.95, 4: 0.0}


def test_rsi_smoothing_is_a_choice() -> None:
    # the last two changes are -1 +3: Cutler 75; Wilder's means are 1.5 + .25 and .625: 73.7 then
    closes = [10.0, 9.0, 8.0, 7.0, 10.0]
    assert wanted(Rsi(lookback_period=2, overbought_threshold=74.0), closes) == {2: 0.95, 4: 0.0}
    cutler = Rsi(lookback_period=2, overbought_threshold=76.0, smoothing="cutler")
    assert wanted(cutler, closes) == {2: 0.95}


# z-scores over 3 closes are at most sqrt(2) = 1.414 in size
DIP = [10.0, 10.0, 10.0, 7.0, 4.0, 1.0, 1.5, 1.6, 9.0]


def mean_reversion(**parameters: Any) -> MeanReversion:
    defaults = {"lookback_period": 3, "entry_threshold": 1.2, "exit_threshold": 0.5}
    return MeanReversion(**{**defaults, **parameters})


def test_mean_reversion_steps_in_at_every_extreme_and_leaves_whole() -> None:
    # z: bar 3 -1.414, bar 4 -1.225, bar 5 -1.225, bar 6 -0.507, bar 7 +0.888
    strategy = mean_reversion(position_size=0.25, max_position_size=0.6)
    assert wanted(strategy, DIP) == {3: 0.25, 4: 0.5, 5: 0.6, 7: 0.0, 8: -0.25}


def test_mean_reversion_mirrors_itself() -> None:
    mirrored = [20.0 - close for close in DIP]
    strategy = mean_reversion(max_position_size=0.6)
    assert wanted(strategy, mirrored) == {3: -0.25, 4: -0.5, 5: -0.6, 7: 0.0, 8: 0.25}


def test_without_shorts_no_virtual_short_blocks_a_long() -> None:
    closes = [10.0, 10.0, 10.0, 13.0, 10.0, 7.0]
    # z: bar 3 +1.414, bar 4 -0.707, bar 5 -1.225
    assert wanted(mean_reversion(exit_threshold=-1.0), closes) == {3: -0.25, 5: 0.0}
    strategy = mean_reversion(exit_threshold=-1.0)
    assert wanted(strategy, closes, allow_short=False) == {5: 0.25}


def test_mean_reversion_does_not_leave_and_enter_on_one_bar() -> None:
    closes = [10.0, 10.0, 10.0, 7.0, 13.0, 16.0]
    # z: bar 3 -1.414, bar 4 +1.225, bar 5 +1.069
    assert wanted(mean_reversion(), closes) == {3: 0.25, 4: 0.0}


def test_mean_reversion_sees_nothing_in_a_constant_price() -> None:
    assert wanted(mean_reversion(entry_threshold=0.0), [10.0] * 9) == {}


def test_columns_do_not_depend_on_each_other() -> None:
    steps = np.random.default_rng(3).normal(0.0, 0.03, (200, 4))
    close = 50.0 * np.exp(np.cumsum(steps, axis=0))
    strategies: list[BuiltIn] = [
        BuyAndHold(),
        MaCrossover(short_period=3, long_period=8),
        Momentum(),
        MeanReversion(lookback_period=5, entry_threshold=1.0),
        Rsi(lookback_period=4),
    ]
    for strategy in strategies:
        together = targets(strategy, close, allow_short=True)
        assert len(together.bar)
        for column in range(4):
            alone = targets(strategy, close[:, [column]], allow_short=True)
            mine = together.column == column
            assert together.bar[mine].tolist() == alone.bar.tolist()
            assert together.fraction[mine].tolist() == alone.fraction.tolist()


def test_capital_is_split_equally_over_the_requested_symbols() -> None:
    bars = [make_bars(symbol, [price] * 3) for symbol, price in (("A", 10.0), ("B", 20.0))]
    result = backtest(make_request(("A", "B"), BuyAndHold(position_size=0.8)), bars)
    assert fills(result) == [(1, "A", 40.0, 10.0), (1, "B", 20.0, 20.0)]


def test_a_crossover_reverses_through_flat_in_one_order() -> None:
    strategy = MaCrossover(short_period=2, long_period=3, position_size=0.5)
    result = backtest(make_request(strategy=strategy), [make_bars("A", [*CROSSING, 11.0])])
    equity = 1000.0 + (500 / 12) * (10.0 - 12.0)
    assert fills(result)[:2] == [
        (3, "A", round(500 / 12, 9), 12.0),
        (5, "A", round(-0.5 * equity / 10.0 - 500 / 12, 9), 10.0),
    ]
    assert result.metrics["round_trips"] == 2
