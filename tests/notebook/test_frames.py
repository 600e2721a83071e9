"""Results as data frames, charts and cards, of this process and of a server.

Rule: a frame holds the rows of the result's document; a card shows text as text.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from typing import Any

import numpy as np
import pytest
import trio
from attrs import evolve
from support.reported import Parsed, daily_run, small_search
from support.served import TWO_YEARS, completed, serving_on
from support.served_searches import ended

from glowback_trio import InlineCompute, open_gateway, result_json
from glowback_trio.client.sync import connect
from glowback_trio.model.lifecycle import State
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.notebook import equity_frame, follow, metrics_frame, plot, trades_frame, watch
from glowback_trio.notebook.cards import card, optimization_card, run_card

for package in ("pandas", "matplotlib", "IPython"):
    pytest.importorskip(package)

RESULT = daily_run()
DOCUMENT = json.loads(result_json(RESULT))


def test_the_equity_is_a_frame_by_time() -> None:
    frame = RESULT.equity_frame()
    assert list(frame.columns)[:3] == ["value", "cash", "positions"]
    np.testing.assert_array_equal(frame["value"], RESULT.curve.value)
    assert str(frame.index.tz) == "UTC"
    assert frame.index.name == "timestamp"
    np.testing.assert_array_equal(frame.index.tz_convert(None).to_numpy(), RESULT.curve.time)


def test_a_document_of_a_server_gives_the_same_frames() -> None:
    for make in (equity_frame, trades_frame):
        own, theirs = make(RESULT), make(DOCUMENT)
        assert list(own.columns) == list(theirs.columns)
        assert list(own.index) == list(theirs.index)
    np.testing.assert_array_equal(equity_frame(RESULT)["value"], equity_frame(DOCUMENT)["value"])
    assert metrics_frame(RESULT).equals(metrics_frame(DOCUMENT))


def test_the_fills_are_a_frame() -> None:
    frame = RESULT.trades_frame()
    assert len(frame) == len(RESULT.trades)
    assert set(frame["action"]) == {"BUY", "SELL"}
    assert trades_frame({"trades": []}).empty


def test_metrics_of_several_runs_stand_side_by_side() -> None:
    frame = metrics_frame(RESULT, RESULT, RESULT)
    assert list(frame.columns) == ["ma_crossover", "ma_crossover 2", "ma_crossover 3"]
    assert frame.loc["sharpe_ratio", "ma_crossover"] == RESULT.metrics["sharpe_ratio"]
    assert frame.dtypes.eq(float).all()


def test_trials_are_a_frame() -> None:
    found = small_search()
    frame = found.to_dataframe()
    assert list(frame.index) == [trial.trial_number for trial in found.trials]
    assert "parameters.short_period" in frame.columns


def test_a_plot_is_a_figure_with_value_and_drawdown() -> None:
    upper, lower = plot(RESULT).axes
    assert [line.get_label() for line in upper.lines] == ["Moving Average Crossover", "AAA"]
    np.testing.assert_array_equal(upper.lines[0].get_ydata(), RESULT.curve.value)
    assert lower.get_ylabel() == "drawdown, %"
    several = plot(RESULT, DOCUMENT).axes[0]
    assert [line.get_label()[:2] for line in several.lines] == ["A:", "B:"]


def test_cards_show_text_as_text() -> None:
    assert "Moving Average Crossover" in RESULT._repr_html_()
    found = small_search(name="<img src=x>")
    parsed = Parsed(found._repr_html_())
    assert "img" not in parsed.tags
    assert "<img src=x>" in parsed.texts
    assert Parsed(card("<b>", ["<i>"])).tags == {"div", "style", "b", "p"}
    assert "cancelled, " in evolve(found, state=OptimizationState.CANCELLED)._repr_html_()


async def test_a_run_shows_how_far_it_is() -> None:
    async with open_gateway(data="demo", compute=InlineCompute()) as gateway:
        run = gateway.submit(TWO_YEARS)
        assert "queued: 0%, 1 event" in run_card(run)
        await run.wait_finished()
        assert "Buy and Hold" in run._repr_html_()
        assert len(run.to_dataframe()) == len(run.result().curve)
        failed = gateway.submit(evolve(TWO_YEARS, start_date="2019-01-01", end_date="2019-01-01"))
        await failed.wait_finished()
        assert "failed: " in run_card(failed)


async def test_a_run_is_followed_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr("IPython.display.display", partial(_displayed, drawn))
    async with open_gateway(data="demo", compute=InlineCompute()) as gateway:
        run = gateway.submit(evolve(TWO_YEARS, name="Followed"))
        assert (await follow(run)).state is State.COMPLETED
    assert len(drawn) > 50
    assert "completed" in drawn[-1]
    assert "<svg" in drawn[-1]


class _Handle:
    def __init__(self, drawn: list[str]) -> None:
        self.drawn = drawn

    def update(self, html: Any) -> None:
        self.drawn.append(html.data)


def _displayed(drawn: list[str], html: Any, *, display_id: bool) -> _Handle:
    assert display_id
    drawn.append(html.data)
    return _Handle(drawn)


async def test_a_run_of_a_server_is_watched(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    monkeypatch.setattr("IPython.display.display", partial(_displayed, drawn))
    async with open_gateway(data="demo", compute=InlineCompute()) as gateway:
        url = await serving_on(gateway, nursery)()
        run = await completed(gateway, TWO_YEARS)

        def look() -> tuple[State, int]:
            with connect(url) as client:
                status = watch(client, run.run_id)
                return status.state, len(equity_frame(client.results(run.run_id)))

        state, rows = await trio.to_thread.run_sync(look)
        assert (state, rows) == (State.COMPLETED, len(run.result().curve))
        assert len(drawn) > 50
        nursery.cancel_scope.cancel()


async def test_an_optimization_shows_how_far_it_is() -> None:
    async with open_gateway(data="demo", compute=InlineCompute()) as gateway:
        optimization = await ended(gateway)
        assert "completed: " in optimization_card(optimization)


def test_nothing_of_it_is_loaded_before_it_is_needed() -> None:
    program = (
        "import sys, glowback_trio; glowback_trio.Result; glowback_trio.open_gateway\n"
        "print(*[name for name in ('pandas', 'matplotlib', 'IPython') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ValueError, match="Data frames need pandas, which is not installed"):
        RESULT.equity_frame()
    with pytest.raises(ValueError, match="Charts need matplotlib, which is not installed"):
        RESULT.plot()
