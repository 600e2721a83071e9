"""Prices that take an account out of the range of numbers end the run with a sentence.

By rule no infinity and no NaN reaches a row, an event or a metric, no warning of numpy reaches the
author of a strategy, and the rows before the first such number are those of the run.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from support.engine_bars import in_memory, make_bars, make_request
from support.scripted_orders import acting, ordering

from glowback_trio.engine import Simulation, backtest
from glowback_trio.errors import DataError
from glowback_trio.model.events import EventDraft
from glowback_trio.model.strategies.api import BarStrategy, Context
from glowback_trio.model.strategies.parameters import BuyAndHold, MeanReversion, Strategy
from glowback_trio.wire.json_text import parse_json

PATHS = {
    "upwards": [1.0] * 4 + [1e300] * 4,
    "from next to nothing": [1e-300] * 3 + [1.0] + [1e300] * 4,
    "always large": [1e308] * 8,
    "always tiny": [5e-324] * 8,
    "far, but within range": [1.0] * 4 + [1e80] * 4,
    "to nothing": [1e308] * 4 + [5e-324] * 4,
}
STRATEGIES: dict[str, Strategy | BarStrategy] = {
    "hold": BuyAndHold(),
    "revert": MeanReversion(lookback_period=3, entry_threshold=0.5),
    "targets": acting(
        {0: lambda context: _all(context, 1.0), 5: lambda context: _all(context, -1)}
    ),
    "orders": acting({0: ordering("A", 1e300), 4: ordering("A", -1e300)}),
}
EXECUTIONS: list[dict[str, Any]] = [
    {},
    {"whole_shares": True},
    {"size_at": "fill", "max_leverage": 10.0},
    {"commission_per_share": 1e3, "max_volume_participation": 0.1, "borrow_rate": 0.1},
]


def _all(context: Context, fraction: float) -> None:
    for symbol in context.symbols:
        context.target(symbol, fraction)


def outcome(path: Sequence[float], strategy: Strategy | BarStrategy, **more: Any) -> str:
    """Run one and nine symbols; return the sentence that ended either, or an empty text."""
    said = ""
    for count in (1, 9):
        bars = [make_bars(chr(ord("A") + at), path) for at in range(count)]
        symbols = [one.symbol for one in bars]
        try:
            result = backtest(make_request(symbols, strategy, execution=more), bars)
        except DataError as error:
            said = str(error)
        else:
            assert np.isfinite(result.curve.value).all()
            assert np.isfinite(result.orders.quantity).all()
            assert all(
                number is None or math.isfinite(number) for number in result.metrics.values()
            )
    return said


@pytest.mark.parametrize("execution", EXECUTIONS, ids=lambda wanted: next(iter(wanted), "plain"))
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("path", PATHS)
def test_a_run_ends_with_a_sentence_or_with_finite_numbers(
    path: str, strategy: str, execution: dict[str, Any]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = outcome(PATHS[path], STRATEGIES[strategy], **execution)
    assert not said or "is infinite or beyond 1e+100: check the prices" in said


def test_the_sentence_names_the_first_row_and_the_rows_before_are_told() -> None:
    bars = [make_bars("A", [1.0, 1.0, 2.0, 1e300, 1e300])]
    simulation = Simulation(make_request(), in_memory(bars))
    told = simulation.advance(1000)
    values = [parse_json(draft.payload)["value"] for draft in told if draft.type == "metric"]
    assert values == [1000.0, 1000.0, 2000.0]
    assert not simulation.finished
    with pytest.raises(
        DataError, match=r"Equity or the size of an order at 2024-01-04 is infinite"
    ):
        simulation.advance(1000)


def _advanced(simulation: Simulation, size: int) -> list[EventDraft] | None:
    try:
        return simulation.advance(size)
    except DataError:
        return None


def test_where_a_failing_run_is_cut_changes_nothing() -> None:
    bars = [make_bars("A", [1.0, 1.0, 2.0, 1e300, 1e300])]
    told = []
    for size in (1, 2, 1000):
        simulation = Simulation(make_request(), in_memory(bars))
        drafts: list[object] = []
        while (more := _advanced(simulation, size)) is not None:
            drafts += more
        told.append(drafts)
    assert told[0] == told[1] == told[2]
