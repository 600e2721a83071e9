"""Results as bytes: what is read is what was written, bit by bit, and forged bytes are an error.

Doctrine: the results are those of random runs of every kind (orders with conditions, portfolios,
benchmarks, nothing traded), so a field that the form forgets shows by itself.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from support.random_runs import market, runs
from support.results import plain, small_result

from glowback_trio import BacktestRequest, Bars, PortfolioConstruction, backtest
from glowback_trio.errors import DamagedError
from glowback_trio.model.result import Result
from glowback_trio.wire.exports.packed_result import pack_result, unpack_result
from glowback_trio.wire.json_text import dumps


def assert_same(result: Result) -> None:
    assert plain(unpack_result(pack_result(result))) == plain(result)


@settings(max_examples=60)
@given(runs())
def test_any_result_is_read_as_it_was_written(run: tuple[BacktestRequest, list[Bars]]) -> None:
    assert_same(backtest(*run))


def sample_result(**changes: Any) -> Result:
    dates: dict[str, Any] = {"start_date": "2024-01-01", "end_date": "2024-06-30"}
    request = BacktestRequest(symbols=["S0", "S1"], benchmark_symbol="S2", **dates, **changes)
    return backtest(request, market(1, symbols=3, rows=150, gaps=0.1, spread=0.02))


def test_a_portfolio_and_a_benchmark_are_read_as_they_were_written() -> None:
    weights = PortfolioConstruction(
        target_weights={"S0": 0.7, "S1": 0.2}, max_weight_pct=50, max_turnover_pct=20
    )
    result = sample_result(portfolio_construction=weights)
    assert result.portfolio is not None
    assert result.benchmark is not None
    assert_same(result)


def test_numbers_that_json_has_no_word_for_are_kept() -> None:
    result = evolve(small_result(), final_cash=float("nan"), metrics={"a": float("inf"), "b": None})
    assert_same(result)


def test_arrays_are_read_only_and_shared_columns_are_written_once() -> None:
    result = sample_result()
    read = unpack_result(pack_result(result))
    assert read.benchmark is not None
    assert read.benchmark.time is read.curve.time
    assert not read.curve.value.flags.writeable


def forged(header: object, body: bytes = b"") -> bytes:
    text = dumps(header)
    return zlib.compress(
        len(text).to_bytes(8, "little") + text.ljust(-(-len(text) // 8) * 8) + body
    )


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"x" * 100,
        zlib.compress(b""),
        zlib.compress(b"\xff" * 100),
        forged([]),
        forged({"document": {}, "arrays": [], "places": {}}),
        forged({"document": {}, "arrays": [["|O", [1]]], "places": {}}, b"12345678"),
        forged({"document": {}, "arrays": [["<f8", [10**12]]], "places": {}}, b"12345678"),
        forged({"document": {}, "arrays": [["<f8", [-1]]], "places": {}}, b"12345678"),
        forged({"document": {}, "arrays": [["<f8", [2, "x"]]], "places": {}}),
        forged({"document": {"no_such": 1}, "arrays": [], "places": {"/curve": 3}}),
    ],
)
def test_bytes_that_hold_no_result_are_an_error(packed: bytes) -> None:
    with pytest.raises(DamagedError, match="The packed result is damaged"):
        unpack_result(packed)


def test_an_array_of_objects_is_never_written() -> None:
    metrics: Any = {"a": np.array([None], dtype=object)}
    result = evolve(small_result(), metrics=metrics)
    with pytest.raises(TypeError):
        pack_result(result)


def test_a_result_whose_parts_do_not_fit_together_is_an_error() -> None:
    result = sample_result()
    trades: Any = result.trades
    curve: Any = result.curve
    wrong: Any = {"S0": "many"}
    numbers: Any = [1, 2]
    broken = [
        evolve(result, curve=evolve(curve, cash=curve.cash[:-1])),
        evolve(result, curve=evolve(curve, cash=curve.cash.reshape(1, -1))),
        evolve(result, curve=evolve(curve, time=curve.cash)),
        evolve(result, trades=evolve(trades, symbol=trades.symbol + 9)),
        evolve(result, orders=evolve(result.orders, what=result.orders.what + 99)),
        evolve(result, trades=evolve(trades, symbols=numbers)),
        evolve(result, final_positions=wrong),
        evolve(result, logs=numbers),
    ]
    for each in broken:
        with pytest.raises(DamagedError, match="it should have"):
            unpack_result(pack_result(each))


def test_a_result_that_unpacks_to_more_than_allowed_is_an_error() -> None:
    with pytest.raises(DamagedError, match="more than 1,000 bytes"):
        unpack_result(pack_result(sample_result()), 1000)
    with pytest.raises(DamagedError, match="do not end where they should"):
        unpack_result(pack_result(sample_result()) + b"more")
