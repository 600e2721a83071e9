"""Every value of the model survives a pickle: stores, processes and machines exchange them.

Doctrine: one value of each kind, compared by equality. Values that hold arrays have none: bars
are compared by their digest, results by their document (`tests/engine/test_result_values.py`).
"""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from glowback_trio.model.bars import Bars, Dataset, Quality
from glowback_trio.model.events import EventDraft, encode
from glowback_trio.model.lifecycle import State, Status
from glowback_trio.model.orders import OrderSpec
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.request import BacktestRequest, Execution, Stream
from glowback_trio.model.strategies.parameters import STRATEGIES, MaCrossover

PERIOD: dict[str, Any] = {"start_date": "2024-01-01", "end_date": "2024-02-01"}
WEIGHTS = PortfolioConstruction(target_weights={"A": 0.5, "B": 0.25}, max_turnover_pct=50)
VALUES: list[object] = [
    BacktestRequest(symbols="A", strategy=MaCrossover(short_period=2), **PERIOD),
    BacktestRequest(symbols=["A", "B"], portfolio_construction=WEIGHTS, **PERIOD),
    Execution(latency_ms=5),
    Stream(pace_bars_per_s=2),
    *(strategy() for strategy in STRATEGIES.values()),
    OrderSpec("limit", limit=3.0, stop_loss=2.0, take_profit=4.0),
    EventDraft("progress", b"{}", 3, 0.5),
    encode(1, "r", "state", "2024-01-01T00:00:00.000000Z", b"{}"),
    Quality("A", 3, 2, warnings=("two rows are one",)),
    Status.queued(
        "r", BacktestRequest(symbols="A", **PERIOD), datetime(2024, 1, 1, tzinfo=UTC)
    ).announcing(State.CANCELLED, datetime(2024, 1, 2, tzinfo=UTC), "enough"),
]


def repickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_pickled_value_is_equal(value: object) -> None:
    assert repickled(value) == value


def test_the_exits_of_a_pickled_order_spec_are_kept() -> None:
    spec = OrderSpec("limit", limit=3.0, stop_loss=2.0)
    assert repickled(spec).exits == spec.exits != ()


def some_bars(symbol: str) -> Bars:
    time = np.datetime64("2024-01-01", "ns") + np.arange(5) * np.timedelta64(1, "D")
    return Bars(symbol, time, *np.ones((5, 5)))


def test_pickled_bars_have_the_same_digest_and_are_still_read_only() -> None:
    bars = some_bars("A")
    copy = repickled(bars)
    assert copy.digest() == bars.digest()
    assert not any(column.flags.writeable for column in (copy.time, copy.close, copy.volume))
    assert repickled(Bars("A", bars.time, *np.ones((5, 5)), known_digest="d")).digest() == "d"


def test_a_pickled_dataset_has_the_same_digest() -> None:
    quality = [Quality(symbol, 5, 5) for symbol in "AB"]
    dataset = Dataset([some_bars("A"), some_bars("B")], "memory", "user_provided", quality)
    assert repickled(dataset).digest() == dataset.digest()
