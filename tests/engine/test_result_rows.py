"""A result for programs: its tables as rows, its round trips one by one, and its JSON.

Doctrine: rows and JSON are those of the document that a server sends. Round trips are worked out
by hand for one run, and for random runs their number and their profits are those of the metrics.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, get_args

import numpy as np
import orjson
import pytest
from hypothesis import given
from support.engine_bars import make_request
from support.random_runs import market, runs
from support.scripted_orders import acting, make_ohlc, ordering

from glowback_trio import BacktestRequest, Result, backtest, result_json, result_rows
from glowback_trio.engine.reporting.result_document import (
    BLOCKS,
    result_chunks,
    result_document,
)
from glowback_trio.engine.reporting.result_rows import ResultTable
from glowback_trio.errors import DataError, InvalidRequestError
from glowback_trio.model.bars import Bars
from glowback_trio.model.strategies.parameters import MaCrossover

TABLES = get_args(ResultTable)


@pytest.fixture(scope="module")
def result() -> Result:
    strategy = MaCrossover(short_period=2, long_period=5)
    request = make_request(["S0", "S1"], strategy, benchmark_symbol="S2")
    return backtest(request, market(3, 3, 60, gaps=0.1, spread=0.05))


def flipping() -> Result:
    """Buy 6 at 10 and 4 at 20, sell 5 at 30, sell 8 at 40 (5 close, 3 go short), buy 3 at 50."""
    opens = [10.0, 10.0, 20.0, 30.0, 40.0, 50.0, 50.0]
    bars = make_ohlc([(price, price, price, price) for price in opens])
    plan = {0: 6.0, 1: 4.0, 2: -5.0, 3: -8.0, 4: 3.0}
    strategy = acting({bar: ordering(quantity=units) for bar, units in plan.items()})
    costs = {"commission_minimum": 1.6, "max_leverage": 10.0}
    return backtest(make_request(strategy=strategy, execution=costs), [bars])


@pytest.mark.parametrize("table", [name for name in TABLES if name in BLOCKS])
def test_rows_are_those_of_the_document(result: Result, table: ResultTable) -> None:
    rows = result_rows(result, table)
    assert rows == result_document(result, "")[table]
    if table not in ("portfolio_diagnostics", "constraint_hits"):
        assert rows


def test_every_table_of_the_document_can_be_had_as_rows(result: Result) -> None:
    document = result_document(result, "run")
    tables = {name for name, block in document.items() if isinstance(block, list)}
    assert tables - set(TABLES) == {"option_trades", "option_events", "logs"}
    assert set(TABLES) - tables == {"round_trips"}


def test_the_json_is_what_a_server_sends(result: Result) -> None:
    assert result_json(result, "run") == b"".join(result_chunks(result, "run"))
    assert orjson.loads(result_json(result))["run_id"] == ""
    part = orjson.loads(result_json(result, include=["equity_curve"], max_points=12))
    assert len(part["equity_curve"]) <= 12
    assert part["trades"] == []


def test_words_that_mean_no_table_and_no_block_are_refused(result: Result) -> None:
    table: Any = "trade"
    with pytest.raises(InvalidRequestError, match="table: Unknown 'trade'; did you mean 'trades'"):
        result_rows(result, table)
    with pytest.raises(InvalidRequestError, match="include: Unknown 'trade'; did you mean"):
        result_json(result, include=["logs", table])


@pytest.mark.parametrize("given", ["prices", Path("prices"), make_ohlc([(1, 1, 1, 1)]), [1]])
def test_what_are_no_bars_is_refused_with_what_to_call(given: Any) -> None:
    with pytest.raises(DataError, match="load_dataset"):
        backtest(make_request(), given)


def test_fills_have_their_symbols_by_name(result: Result) -> None:
    names = [row["symbol"] for row in result_rows(result, "trades")]
    assert result.trades.symbol_names == names
    assert set(names) == {"S0", "S1"}


def test_a_fill_that_changes_the_sign_ends_one_round_trip_and_begins_the_next() -> None:
    result = flipping()
    long, short = result_rows(result, "round_trips")
    assert long == {
        "symbol": "A",
        "side": "LONG",
        "entry_time": "2024-01-02T00:00:00+00:00",
        "exit_time": "2024-01-05T00:00:00+00:00",
        "shares": 10.0,
        "entry_price": 14.0,
        "exit_price": 35.0,
        "commission": pytest.approx(1.6 * 3 + 1.6 * 5 / 8),
        "pnl": pytest.approx(210.0 - 1.6 * 3 - 1.6 * 5 / 8),
        "return": pytest.approx((210.0 - 5.8) / 140.0 * 100.0),
    }
    assert short == {
        "symbol": "A",
        "side": "SHORT",
        "entry_time": "2024-01-05T00:00:00+00:00",
        "exit_time": "2024-01-06T00:00:00+00:00",
        "shares": 3.0,
        "entry_price": 40.0,
        "exit_price": 50.0,
        "commission": pytest.approx(1.6 * 3 / 8 + 1.6),
        "pnl": pytest.approx(-30.0 - 1.6 * 3 / 8 - 1.6),
        "return": pytest.approx((-30.0 - 2.2) / 120.0 * 100.0),
    }
    assert np.array_equal(result.trades.held, [6.0, 10.0, 5.0, -3.0, 0.0])


def test_a_run_without_a_closed_round_trip_has_no_rows() -> None:
    bars = make_ohlc([(10.0, 10.0, 10.0, 10.0)] * 4)
    assert result_rows(backtest(make_request(), [bars]), "round_trips") == []


@given(runs())
def test_round_trips_are_those_of_the_metrics(run: tuple[BacktestRequest, list[Bars]]) -> None:
    result = backtest(*run)
    trips = result_rows(result, "round_trips")
    metrics = result.metrics
    assert len(trips) == metrics["round_trips"]
    won = [trip["pnl"] for trip in trips if trip["pnl"] > 0]
    lost = [trip["pnl"] for trip in trips if trip["pnl"] < 0]
    assert max(won, default=None) == metrics["largest_win"]
    assert min(lost, default=None) == metrics["largest_loss"]
    for trip in trips:
        sign = 1 if trip["side"] == "LONG" else -1
        gross = sign * trip["shares"] * (trip["exit_price"] - trip["entry_price"])
        scale = trip["shares"] * (trip["exit_price"] + trip["entry_price"])
        assert math.isclose(trip["pnl"], gross - trip["commission"], abs_tol=1e-9 * scale)
        assert trip["entry_time"] < trip["exit_time"]
