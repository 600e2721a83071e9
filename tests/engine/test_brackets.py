"""Brackets: where exits fill, and how they end.

By rule an exit fills only where the bar's prices prove it, the worse order of events is assumed
where they do not show it, and no exit outlives its position. Every case is worked out by hand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve
from support.engine_bars import audit, fills, make_request, order_story
from support.scripted_orders import Row, acting, make_ohlc, ordering

from glowback_trio.engine import backtest
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.api import BarStrategy, Context

FIRST: Row = (100.0, 100.0, 100.0, 100.0)
CALM: Row = (100.0, 101.0, 99.0, 100.0)
EXITS = {"stop_loss": 95.0, "take_profit": 105.0}
OCO_FILLED = "OCO: the other exit filled"
NO_POSITION = "reduce-only: no position left"


def run(rows: list[Row], strategy: BarStrategy, *, volume: float = 1e9, **wanted: Any) -> Result:
    bars = [make_ohlc(rows, volume=volume)]
    execution = {"max_leverage": 100.0, **wanted}
    result = backtest(make_request(strategy=strategy, execution=execution), bars)
    audit(result, bars)
    return result


def cancelled(result: Result) -> list[tuple[int, float, str]]:
    story = zip(order_story(result), result.orders.reason, strict=True)
    return [
        (bar, quantity, why) for (event, bar, _, quantity), why in story if event == "cancelled"
    ]


@pytest.mark.parametrize(
    ("bar", "exit_at"),
    [
        (CALM, None),
        ((100, 105, 99, 101), 105),
        ((100, 101, 95, 99), 95),
        ((100, 106, 94, 100), 95),  # both: the worse one
        ((94, 96, 93, 95), 94),  # gaps beyond the stop
        ((106, 107, 94, 100), 106),  # the open comes before all else
    ],
)
def test_the_exit_that_a_later_bar_proves_closes_the_position(
    bar: Row, exit_at: float | None
) -> None:
    result = run([FIRST, CALM, bar], acting({0: ordering("A", 2.0, **EXITS)}))
    left = [] if exit_at is None else [(2, "A", -2.0, exit_at)]
    assert fills(result) == [(1, "A", 2.0, 100.0), *left]
    if exit_at is not None:
        assert cancelled(result) == [(2, -2.0, OCO_FILLED)]


@pytest.mark.parametrize(
    ("entry", "bar", "exit_at"),
    [
        # at the open: all of the bar comes after
        ({}, (100, 105, 99, 101), 105),
        ({}, (100, 101, 95, 101), 95),
        ({}, (100, 105, 95, 101), 95),
        # within the bar at a limit: the low comes after, of the high only the close is sure
        ({"limit": 98.0}, (100, 106, 97, 101), None),
        ({"limit": 98.0}, (100, 106, 97, 105), 105),
        ({"limit": 98.0}, (100, 106, 95, 105), 95),
        # within the bar at a stop: the high comes after, and the low may have
        ({"stop": 103.0}, (100, 105, 99, 104), 105),
        ({"stop": 103.0}, (100, 105, 95, 104), 95),
        ({"stop": 103.0}, (100, 104, 96, 103), None),
        # a stop-limit order that is triggered and fills at once is like a stop
        ({"stop": 103.0, "limit": 104.0}, (100, 105, 99, 104), 105),
        # one that waited at its limit is like a limit
        ({"stop": 99.0, "limit": 99.5}, (101, 106, 99.25, 101), None),
        # so is one that the close proves to have come to its limit after its stop
        ({"stop": 103.0, "limit": 101.0}, (100, 106, 99, 101), None),
        ({"stop": 103.0, "limit": 101.0}, (100, 106, 95, 101), 95),
        # and a trailing stop that came up from the low: the high may lie before the low
        ({"trail": 3.0}, (100, 102, 96, 99), None),
        ({"trail": 3.0}, (100, 102, 95, 99), 95),
        ({"trail": 7.0}, (100, 106, 96, 105), 105),
    ],
)
def test_exits_fill_on_the_bar_of_the_entry_if_its_prices_prove_it(
    entry: dict[str, float], bar: Row, exit_at: float | None
) -> None:
    result = run([FIRST, bar, CALM], acting({0: ordering("A", 2.0, **entry, **EXITS)}))
    assert len(fills(result)) == (1 if exit_at is None else 2)
    if exit_at is not None:
        assert fills(result)[1] == (1, "A", -2.0, exit_at)


def test_a_short_position_is_closed_by_mirrored_exits() -> None:
    exits = {"stop_loss": 105.0, "take_profit": 95.0}
    result = run([FIRST, CALM, (100, 106, 94, 100)], acting({0: ordering("A", -2.0, **exits)}))
    assert fills(result) == [(1, "A", -2.0, 100.0), (2, "A", 2.0, 105.0)]


def test_every_partial_fill_of_an_entry_gets_its_own_pair_of_exits() -> None:
    strategy = acting({0: ordering("A", 15.0, **EXITS)})
    rows: list[Row] = [FIRST, CALM, CALM, (100, 106, 99, 100), CALM]
    result = run(rows, strategy, volume=100.0, max_volume_participation=0.1)
    assert fills(result) == [(1, "A", 10.0, 100.0), (2, "A", 5.0, 100.0), (3, "A", -10.0, 105.0)]
    pairs = [quantity for event, _, _, quantity in order_story(result) if event == "submitted"]
    assert pairs == [15.0, -10.0, -10.0, -5.0, -5.0]


def test_a_partial_fill_of_one_exit_cancels_as_much_of_the_other() -> None:
    strategy = acting({0: ordering("A", 10.0, **EXITS)})
    rows: list[Row] = [FIRST, CALM, (105, 106, 104, 105), (94, 95, 93, 94), (94, 95, 93, 94)]
    bars = make_ohlc(rows)
    thin = evolve(bars, volume=np.array([1e9, 1e9, 60.0, 1e9, 1e9]))
    execution = {"max_volume_participation": 0.1, "max_leverage": 100.0}
    result = backtest(make_request(strategy=strategy, execution=execution), [thin])
    audit(result, [thin])
    assert fills(result) == [
        (1, "A", 10.0, 100.0),
        (2, "A", -6.0, 105.0),
        (3, "A", -4.0, 94.0),
    ]
    assert cancelled(result) == [(2, -6.0, OCO_FILLED), (3, -4.0, OCO_FILLED)]


def test_exits_are_cancelled_when_another_order_closes_the_position() -> None:
    strategy = acting(
        {
            0: ordering("A", 2.0, **EXITS),
            1: ordering("A", -2.0),
            2: ordering("A", 3.0, stop_loss=90.0),
        }
    )
    result = run([FIRST, CALM, CALM, CALM, (95, 96, 94, 95), (90, 91, 89, 90)], strategy)
    assert cancelled(result) == [(2, -2.0, NO_POSITION), (2, -2.0, NO_POSITION)]
    assert fills(result)[2:] == [(3, "A", 3.0, 100.0), (5, "A", -3.0, 90.0)]


def test_exits_are_cancelled_when_the_position_changes_sides() -> None:
    strategy = acting({0: ordering("A", 2.0, **EXITS), 1: ordering("A", -5.0, stop_loss=110.0)})
    result = run([FIRST, CALM, CALM, (95, 106, 94, 100), (111, 112, 110, 111)], strategy)
    assert fills(result) == [
        (1, "A", 2.0, 100.0),
        (2, "A", -5.0, 100.0),
        (4, "A", 3.0, 111.0),
    ]


def test_exits_shrink_to_what_is_held_and_never_open_a_position() -> None:
    strategy = acting({0: ordering("A", 4.0, stop_loss=95.0), 1: ordering("A", -3.0)})
    result = run([FIRST, CALM, CALM, (94, 95, 93, 94)], strategy)
    assert fills(result)[-1] == (3, "A", -1.0, 94.0)
    assert cancelled(result) == [(3, -3.0, NO_POSITION)]


def test_an_order_that_only_reduces_submits_no_exits() -> None:
    strategy = acting({0: ordering("A", 4.0), 1: ordering("A", -1.0, stop_loss=105.0)})
    result = run([FIRST, CALM, CALM, (106, 107, 105, 106)], strategy)
    assert result.final_positions == {"A": 3.0}
    assert len(set(result.orders.order.tolist())) == 2


def test_what_the_same_bar_has_closed_again_gets_no_exits() -> None:
    def both(context: Context) -> None:
        context.order("A", 2.0, stop_loss=95.0)
        context.order("A", -2.0)

    result = run([FIRST, CALM, (94, 95, 93, 94)], acting({0: both}))
    assert len(result.trades) == 2
    assert result.final_positions == {}


def test_a_strategy_may_cancel_one_exit_and_keep_the_other() -> None:
    def cancel_stop(context: Context) -> None:
        stop, _ = context.open_orders("A")
        assert context.cancel(stop)
        assert not context.cancel(stop)

    strategy = acting({0: ordering("A", 2.0, **EXITS), 1: cancel_stop})
    result = run([FIRST, CALM, (94, 95, 93, 94), (105, 106, 104, 105)], strategy)
    assert fills(result)[-1] == (3, "A", -2.0, 105.0)
    assert cancelled(result) == [(1, -2.0, "cancelled by the strategy")]


def test_a_stop_loss_that_the_volume_cuts_goes_on_at_the_next_open() -> None:
    strategy = acting({0: ordering("A", 10.0, **EXITS)})
    rows: list[Row] = [FIRST, CALM, (100, 101, 94, 99), (98, 99, 97, 98)]
    thin = evolve(make_ohlc(rows), volume=np.array([1e9, 1e9, 40.0, 1e9]))
    execution = {"max_volume_participation": 0.1, "max_leverage": 100.0}
    result = backtest(make_request(strategy=strategy, execution=execution), [thin])
    assert fills(result)[1:] == [(2, "A", -4.0, 95.0), (3, "A", -6.0, 98.0)]
