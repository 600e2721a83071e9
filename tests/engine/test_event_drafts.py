"""Event drafts: what a run emits is what its result will hold.

Doctrine: short runs with every kind of event, compared byte for byte with rows of the result.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.engine_bars import in_memory, make_bars, make_request, run_slices

from glowback_trio.engine import Simulation
from glowback_trio.model.bars import Dataset
from glowback_trio.model.events import EventDraft
from glowback_trio.model.request import Stream
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.parameters import MaCrossover
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.rows import equity_rows, order_rows, trade_rows

ZIGZAG = [10.0, 11.0, 12.0, 10.0, 9.0, 11.0, 13.0, 8.0, 9.0, 12.0]


def run_drafts(closes: list[float], **stream: Any) -> tuple[list[EventDraft], Result]:
    strategy = MaCrossover(short_period=1, long_period=2, position_size=0.5)
    request = make_request(strategy=strategy, stream=Stream(**stream))
    return run_slices(request, [make_bars("A", closes)], [3])


def bars_of(drafts: list[EventDraft], kind: str) -> list[int]:
    return [draft.bar for draft in drafts if draft.type == kind]


def payloads(drafts: list[EventDraft], kind: str) -> list[bytes]:
    return [draft.payload for draft in drafts if draft.type == kind]


@pytest.mark.parametrize(
    ("every", "bars"), [(0, []), (1, list(range(10))), (4, [3, 7, 9]), (5, [4, 9]), (99, [9])]
)
def test_metrics_are_emitted_at_every_kth_bar_and_the_last(every: int, bars: list[int]) -> None:
    drafts, _ = run_drafts(ZIGZAG, metrics_every=every)
    assert bars_of(drafts, "metric") == bars


def test_by_default_about_250_metrics_are_emitted() -> None:
    drafts, _ = run_drafts([10.0] * 501)
    assert bars_of(drafts, "metric") == [*range(2, 501, 3)]


@pytest.mark.parametrize(
    ("steps", "bars"),
    [(1, [9]), (2, [4, 9]), (3, [3, 6, 9]), (10, [*range(10)]), (99, [*range(10)])],
)
def test_progress_is_emitted_where_a_step_completes_without_repeats(
    steps: int, bars: list[int]
) -> None:
    drafts, _ = run_drafts(ZIGZAG, progress_steps=steps)
    assert bars_of(drafts, "progress") == bars


def test_progress_says_how_far_the_run_is() -> None:
    drafts, _ = run_drafts(ZIGZAG, progress_steps=4)
    found = [draft for draft in drafts if draft.type == "progress"]
    assert [draft.progress for draft in found] == [0.3, 0.5, 0.8, 1.0]
    assert json.loads(found[0].payload) == {
        "progress": 0.3,
        "message": "Simulated 3 of 10 bars",
        "bar": 3,
        "bars": 10,
        "bar_time": "2024-01-03T00:00:00+00:00",
    }
    assert [draft.progress for draft in drafts if draft.type != "progress"].count(None) > 0


def test_rows_are_emitted_byte_for_byte_as_the_result_holds_them() -> None:
    drafts, result = run_drafts(ZIGZAG, metrics_every=1, orders=True)
    symbols = list(result.trades.symbols)
    assert payloads(drafts, "metric") == [dumps(row) for row in equity_rows(result.curve)]
    assert payloads(drafts, "trade") == [dumps(row) for row in trade_rows(result.trades)]
    assert payloads(drafts, "order") == [dumps(row) for row in order_rows(result.orders, symbols)]
    assert len(payloads(drafts, "trade")) > 3


def test_within_a_bar_orders_come_before_trades_metrics_and_progress() -> None:
    drafts, _ = run_drafts(ZIGZAG, metrics_every=1, orders=True, progress_steps=10)
    assert [draft.bar for draft in drafts] == sorted(draft.bar for draft in drafts)
    kinds = [draft.type for draft in drafts if draft.bar == 4]
    assert kinds == ["order", "trade", "metric", "progress"]


def test_trades_and_orders_can_be_left_out() -> None:
    drafts, _ = run_drafts(ZIGZAG, trades=False)
    assert {draft.type for draft in drafts} == {"metric", "progress"}


def test_the_choice_of_events_changes_nothing_in_the_result() -> None:
    _, quiet = run_drafts(ZIGZAG, metrics_every=0, trades=False)
    _, loud = run_drafts(ZIGZAG, metrics_every=1, orders=True)
    assert quiet.manifest == loud.manifest
    assert quiet.metrics == loud.metrics


def test_sample_data_is_flagged_first_thing() -> None:
    simulation = Simulation(
        make_request(), Dataset([make_bars("A", ZIGZAG)], "sample", "sample", [])
    )
    first, *_ = simulation.advance(1)
    assert (first.type, first.bar) == ("log", 0)
    assert json.loads(first.payload)["level"] == "warning"
    assert all(draft.type != "log" for draft in simulation.advance(99))


@pytest.mark.parametrize("slices", [[99], [1], [3, 1, 2], [4]])
def test_ruin_is_reported_on_its_bar_however_the_run_is_sliced(slices: list[int]) -> None:
    strategy = MaCrossover(short_period=1, long_period=2, position_size=1.0)
    request = make_request(strategy=strategy, stream=Stream(orders=True, metrics_every=1))
    bars = [make_bars("A", [10.0, 9.0, 9.0, 20.0, 21.0, 15.0, 30.0, 5.0])]
    drafts, result = run_slices(request, bars, slices)
    whole, _ = run_slices(request, bars, [8])
    assert drafts == whole
    assert bars_of(drafts, "log") == [3]
    assert bars_of(drafts, "trade") == [2, 4]
    assert result.curve.value[3] < 0


def test_a_simulation_knows_its_bars_and_its_end() -> None:
    simulation = Simulation(make_request(), in_memory([make_bars("A", ZIGZAG)]))
    assert (simulation.bars, simulation.finished) == (10, False)
    with pytest.raises(RuntimeError, match="10 of 10 bars are left"):
        simulation.result()
    with pytest.raises(ValueError, match="at least 1, not 0"):
        simulation.advance(0)
    simulation.advance(4)
    simulation.advance(100)
    assert simulation.finished
    assert simulation.advance(1) == []
    assert len(simulation.result().curve) == 10


def test_working_out_signals_can_be_stopped() -> None:
    class StoppedError(Exception):
        pass

    def stop() -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        Simulation(make_request(), in_memory([make_bars("A", ZIGZAG)]), stop)
