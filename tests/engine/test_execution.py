"""The cost model: how much of an order buying power and volume let fill.

Cases are worked out by hand; a property holds that what fits obeys the bound and is the most that
does.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.engine.execution.costs import CostModel, cost_model
from glowback_trio.model.request import Execution


def agreed(**execution: Any) -> CostModel:
    return cost_model(Execution(**execution))


@pytest.mark.parametrize(
    ("quantity", "position", "equity", "others", "expected"),
    [
        (50.0, 0.0, 1000.0, 0.0, 50.0),  # within
        (100.0, 0.0, 1000.0, 0.0, 100.0),  # to the last unit
        (120.0, 0.0, 1000.0, 0.0, 100.0),  # cut
        (120.0, 0.0, 1000.0, 400.0, 60.0),  # others count
        (80.0, 50.0, 1000.0, 0.0, 50.0),  # the own position counts
        (10.0, 100.0, 1000.0, 0.0, 0.0),  # nothing fits
        (-50.0, 50.0, -300.0, 900.0, -50.0),  # closing always passes
        (-120.0, 50.0, 100.0, 0.0, -60.0),  # closes 50, opens 10
        (-120.0, 50.0, 0.0, 0.0, -50.0),  # closes only
        (120.0, -50.0, 1000.0, 700.0, 80.0),  # the same from a short
        (-150.0, 0.0, 1000.0, 0.0, -100.0),  # shorts need buying power too
    ],
)
def test_buying_power_without_costs(
    quantity: float, position: float, equity: float, others: float, expected: float
) -> None:
    fits = agreed().affordable(quantity, 10.0, position, equity, others)
    assert fits == pytest.approx(expected)


QUANTITIES = st.floats(-1e4, 1e4).filter(lambda quantity: abs(quantity) > 1e-3)


@given(
    quantity=QUANTITIES,
    price=st.floats(0.1, 1e3),
    position=st.just(0.0) | QUANTITIES,
    equity=st.floats(-1e6, 1e6),
    others=st.floats(0.0, 1e6),
    execution=st.fixed_dictionaries(
        {},
        optional={
            "commission_bps": st.floats(0.0, 1000.0),
            "commission_per_share": st.floats(0.0, 10.0),
            "commission_minimum": st.floats(0.0, 1000.0),
            "max_leverage": st.floats(0.1, 100.0),
        },
    ),
)
def test_what_fits_keeps_the_rule_and_is_the_most_that_does(
    *,
    quantity: float,
    price: float,
    position: float,
    equity: float,
    others: float,
    execution: dict[str, float],
) -> None:
    conditions = agreed(**execution)
    fits = conditions.affordable(quantity, price, position, equity, others)

    def excess(amount: float) -> float:
        left = equity - conditions.commission(amount, price)
        return others + abs(position + amount) * price - conditions.leverage * left

    slack = 1e-6 * (abs(equity) * conditions.leverage + others + abs(position) * price + 1.0)
    closing = min(abs(quantity), abs(position)) if quantity * position < 0 else 0.0
    assert math.copysign(1.0, fits) == math.copysign(1.0, quantity)
    assert closing * (1 - 1e-9) <= abs(fits) <= abs(quantity)
    if abs(fits) > closing * (1 + 1e-6):
        assert excess(fits) <= slack
    if abs(fits) < abs(quantity) * (1 - 1e-6):
        more = fits + math.copysign(0.01 * abs(quantity - fits) + 2 * slack / price, quantity)
        assert excess(more) > -slack


@pytest.mark.parametrize(
    ("volume", "expected"),
    [(100.0, -10.0), (20.0, -10.0), (7.0, -3.5), (0.0, 0.0), (-5.0, 0.0), (math.nan, 0.0)],
)
def test_a_volume_that_is_not_known_fills_nothing(volume: float, expected: float) -> None:
    assert agreed().capped(-10.0, 0.5 * volume) == expected


def test_whole_shares_round_towards_zero() -> None:
    whole = agreed(whole_shares=True)
    assert (whole.rounded(2.9), whole.rounded(-2.9), agreed().rounded(2.9)) == (2.0, -2.0, 2.9)
    assert whole.capped(-10.0, 3.5) == -3.0
    assert whole.affordable(120.0, 10.0, 0.0, 777.0, 0.0) == 77.0


def test_absent_costs_are_none() -> None:
    assert agreed().commission(100.0, 10.0) == 0.0
    assert agreed().buying == agreed().selling == 1.0
