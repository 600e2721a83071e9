"""A run and its benchmark, from the request to the document.

Doctrine: runs of a few bars, whose comparison can be worked out in the head.
"""

from __future__ import annotations

import pytest
from support.engine_bars import in_memory, make_bars, make_request, run_slices

from glowback_trio.data import MemoryCatalogue
from glowback_trio.engine import Simulation, backtest
from glowback_trio.engine.reporting.result_document import result_document
from glowback_trio.errors import DataError
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result

CLOSES = [10.0, 11.0, 12.0, 11.0, 13.0]
TRADED = make_bars("A", CLOSES)
LATE = make_bars("SPY", [9.0, 9.0, 20.0, 22.0, 21.0], keep=[2, 4])


def request(benchmark: str | None) -> BacktestRequest:
    return make_request(benchmark_symbol=benchmark)


def run(benchmark: str | None) -> Result:
    extra = [LATE] if benchmark == "SPY" else []
    return backtest(request(benchmark), [TRADED, *extra])


def test_a_benchmark_is_priced_but_never_traded() -> None:
    result = run("SPY")
    assert result.trades.symbols == ("A",)
    assert result.final_positions.keys() == {"A"}
    assert result.manifest["dataset"]["symbols"] == ["A"]
    assert result.curve.value.tolist() == run(None).curve.value.tolist()


def test_the_benchmark_curve_has_every_bar_and_begins_with_the_capital() -> None:
    document = result_document(run("SPY"), "run")
    assert document["benchmark_symbol"] == "SPY"
    rows = document["benchmark_curve"]
    assert [row["timestamp"] for row in rows] == [
        row["timestamp"] for row in document["equity_curve"]
    ]
    assert [row["price"] for row in rows] == [None, None, 20.0, 20.0, 21.0]
    assert [row["value"] for row in rows] == [1000.0, 1000.0, 1000.0, 1000.0, 1050.0]
    assert [row["period_return"] for row in rows] == pytest.approx([0.0, 0.0, 0.0, 0.0, 0.05])
    assert rows[-1]["returns"] == pytest.approx(5.0)
    assert document["metrics_summary"]["benchmark_return"] == pytest.approx(5.0)
    assert document["tearsheet"]["benchmark"]["benchmark_symbol"] == "SPY"


def test_a_thinned_benchmark_keeps_the_same_bars_as_the_curve() -> None:
    closes = [10.0 + (bar * 7919) % 13 for bar in range(400)]
    bars = [make_bars("A", closes), make_bars("SPY", closes[::-1])]
    document = result_document(backtest(request("SPY"), bars), "run", max_points=50)
    times = [row["timestamp"] for row in document["equity_curve"]]
    assert [row["timestamp"] for row in document["benchmark_curve"]] == times
    assert 12 < len(times) <= 50


def test_a_symbol_can_be_its_own_benchmark() -> None:
    document = result_document(run("A"), "run")
    assert [row["price"] for row in document["benchmark_curve"]] == CLOSES
    assert document["metrics_summary"]["benchmark_return"] == pytest.approx(30.0)


def test_a_run_without_a_benchmark_says_so_everywhere() -> None:
    document = result_document(run(None), "run")
    assert document["benchmark_symbol"] is None
    assert document["benchmark_curve"] == []
    assert document["metrics_summary"]["alpha"] is None
    assert document["tearsheet"]["benchmark"] == {}


def test_how_a_run_is_sliced_changes_nothing_of_its_comparison() -> None:
    wanted = request("SPY")
    whole = run_slices(wanted, [TRADED, LATE], [5])[1]
    cut = run_slices(wanted, [TRADED, LATE], [1, 2, 2])[1]
    assert cut.metrics == whole.metrics


def test_a_benchmark_without_bars_is_named() -> None:
    with pytest.raises(DataError, match=r"\['A', 'SPY'\]"):
        Simulation(request("SPY"), in_memory([TRADED]))


def test_a_source_looks_for_the_benchmark_and_complains_at_its_place() -> None:
    source = MemoryCatalogue([TRADED, LATE])
    assert [bars.symbol for bars in source.load(request("SPY")).bars] == ["A", "SPY"]
    (problem,) = source.problems(request("SPX"))
    assert problem.path == ("benchmark_symbol",)
    assert "did you mean 'SPY'" in problem.message
