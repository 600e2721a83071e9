"""The kernel gives the broker's bytes, as plain Python and compiled.

Whole runs are compared, on random requests with every option of `execution` and on bars that are
not all there: curve, orders, fills, metrics, logs, and how weights were held. The compiled kernel
is tested where numba is installed; it must have no instruction that multiplies and adds in one
rounding, because such a sum has other digits.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.engine_bars import make_request
from support.random_portfolios import portfolios
from support.random_runs import EXECUTIONS, STRATEGIES, market, runs
from support.same_results import assert_same

from glowback_trio.compute import kernel as kernels
from glowback_trio.engine import backtest
from glowback_trio.engine.accounting.curve import blank_curve, draw
from glowback_trio.engine.analytics.returns import drawdowns
from glowback_trio.engine.execution.journal import EVENT, FILL, PAYMENT, Records
from glowback_trio.engine.kernel.arithmetic import added
from glowback_trio.engine.kernel.choice import INTERPRETED, Kernel, choose, chosen, using
from glowback_trio.engine.kernel.falls import draw_falls
from glowback_trio.engine.kernel.tables import HALF
from glowback_trio.engine.strategies.builtin import targets
from glowback_trio.engine.strategies.indicators import rolling_mean
from glowback_trio.errors import DataError, GlowbackError
from glowback_trio.extras import FAST, Extra
from glowback_trio.model.bars import Bars
from glowback_trio.model.orders import OrderEventKind
from glowback_trio.model.request import BacktestRequest, Execution
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.parameters import BuiltIn, MaCrossover

# The compiler takes ten seconds, on a busy machine many times that.
pytestmark = pytest.mark.timeout(600)
needs_numba = pytest.mark.skipif(not FAST.is_installed, reason="numba is not installed")
FUSED = re.compile(r"\b(v?fn?m(add|sub|la|ls)\w*|llvm\.fmuladd|llvm\.fma)\b")


@pytest.fixture(scope="module")
def compiled(kernel_cache: Path) -> Kernel:
    """The compiled kernel, which no other test takes."""
    before = chosen()
    kernels.warm()
    found = chosen()
    choose(before)
    assert found is not None
    return found


def outcome(run: tuple[BacktestRequest, list[Bars]], kernel: Kernel | None) -> Result | str:
    """A run's result, or why it failed."""
    with using(kernel):
        try:
            return backtest(*run)
        except GlowbackError as error:
            return str(error)


def assert_agrees(run: tuple[BacktestRequest, list[Bars]], kernel: Kernel) -> None:
    expected, found = outcome(run, None), outcome(run, kernel)
    if isinstance(expected, Result) and isinstance(found, Result):
        assert_same(found, expected)
    else:
        assert found == expected


@given(runs())
@settings(max_examples=100)
def test_the_kernel_gives_the_brokers_result(run: tuple[BacktestRequest, list[Bars]]) -> None:
    assert_agrees(run, INTERPRETED)


@given(portfolios())
@settings(max_examples=100)
def test_the_kernel_holds_the_brokers_portfolio(run: tuple[BacktestRequest, list[Bars]]) -> None:
    assert_agrees(run, INTERPRETED)


@given(portfolios(), EXECUTIONS)
@settings(max_examples=100)
def test_the_kernel_holds_the_brokers_portfolio_under_every_execution(
    run: tuple[BacktestRequest, list[Bars]], execution: dict[str, Any]
) -> None:
    request, bars = run
    assert_agrees((evolve(request, execution=Execution(**execution)), bars), INTERPRETED)


@needs_numba
@given(st.one_of(runs(), portfolios()), st.one_of(st.none(), EXECUTIONS))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_compiled_kernel_gives_the_brokers_result(
    compiled: Kernel, run: tuple[BacktestRequest, list[Bars]], execution: dict[str, Any] | None
) -> None:
    request, bars = run
    if execution is not None:
        request = evolve(request, execution=Execution(**execution))
    assert_agrees((request, bars), compiled)


@needs_numba
@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda one: str(one.name))
@pytest.mark.parametrize("symbols", [1, 12, 150])
def test_the_compiled_kernel_gives_the_same_over_long_runs(
    compiled: Kernel, strategy: BuiltIn, symbols: int
) -> None:
    bars = market(3, symbols, 3000 // symbols + 300, gaps=0.05, spread=0.02)
    execution = {"slippage_bps": 5.0, "commission_bps": 2.5, "commission_minimum": 1.0}
    request = make_request([one.symbol for one in bars], strategy, execution=execution)
    assert_agrees((request, bars), compiled)


@needs_numba
def test_no_compiled_function_rounds_a_product_and_its_sum_once() -> None:
    # Compiled anew, because numba does not show what it has loaded.
    fresh, compiled_now = kernels.compiled(FAST.load("numba"), kept=False)
    assert compiled_now
    for function in fresh:
        made: Any = function
        for written in (*made.inspect_asm().values(), *made.inspect_llvm().values()):
            assert not FUSED.search(written)


@needs_numba
def test_a_second_process_finds_what_the_first_has_compiled(
    compiled: Kernel, kernel_cache: Path
) -> None:
    choose(None)
    assert not kernels.warm()
    choose(None)


@needs_numba
def test_a_directory_that_cannot_be_written_to_is_read(
    compiled: Kernel, kernel_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As root every directory can be written to, so the place of the lock is taken by a directory.
    copied = tmp_path / "kernels"
    for file in kernel_cache.rglob("*"):
        if file.is_file() and file.name != "lock":
            target = copied / file.relative_to(kernel_cache)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    for directory in copied.iterdir():
        (directory / "lock").mkdir()
    monkeypatch.setenv(kernels.DIRECTORY, str(copied))
    assert not kernels.warm()
    choose(None)


def test_without_the_extra_warming_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "FAST", Extra("no_such_compiler", "Compiled runs"))
    with pytest.raises(DataError, match="pip install no-such-compiler"):
        kernels.warm()


@given(st.integers(1, 60), st.integers(1, 3), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_means_have_the_digits_of_the_arrays(
    rows: int, columns: int, window: int, seed: int
) -> None:
    values = np.random.default_rng(seed).lognormal(size=(rows, columns))
    expected = rolling_mean(values, window)
    with using(INTERPRETED):
        assert rolling_mean(values, window).tobytes() == expected.tobytes()


@given(
    st.integers(1, 60),
    st.integers(1, 3),
    st.tuples(st.integers(1, 20), st.integers(1, 40)),
    st.integers(0, 20),
    st.integers(0, 2**32 - 1),
)
def test_crossings_are_those_of_the_arrays(
    rows: int, columns: int, periods: tuple[int, int], warmup: int, seed: int
) -> None:
    # Few different prices, so that means tie.
    close = np.random.default_rng(seed).integers(1, 4, (rows + warmup, columns)) / 10.0
    short, long = sorted((periods[0], periods[0] + periods[1]))
    strategy = MaCrossover(short_period=short, long_period=long)
    expected = targets(strategy, close, allow_short=True, warmup=warmup)
    with using(INTERPRETED):
        found = targets(strategy, close, allow_short=True, warmup=warmup)
    for own, other in zip(found, expected, strict=True):
        assert own.tobytes() == other.tobytes()


@given(st.integers(1, 20), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_an_account_is_drawn_as_by_the_arrays(rows: int, symbols: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    time = np.datetime64("2024-01-01", "ns") + np.arange(rows) * np.timedelta64(1, "D")
    when, filled = np.sort(random.integers(0, rows, 30)), random.random(30) < 0.6
    events = np.zeros(30, EVENT)
    events["row"], events["symbol"] = when, random.integers(0, symbols, 30)
    events["what"] = np.where(filled, OrderEventKind.FILLED, OrderEventKind.SUBMITTED)
    fills, paid = np.zeros(filled.sum(), FILL), np.zeros(rows // 2, PAYMENT)
    fills["units"], fills["cash"] = random.normal(size=(2, len(fills)))
    paid["row"], paid["cash"] = np.arange(rows // 2) * 2, random.normal(size=len(paid))
    marks, units = random.lognormal(size=(rows, symbols)), random.normal(size=symbols)
    curves = [blank_curve(1.0, time, time.astype("M8[D]")) for _ in range(2)]
    for kernel, curve in zip((None, INTERPRETED), curves, strict=True):
        with using(kernel):
            draw(curve, (7.0, units), Records(events, fills, paid), marks, 0)
    for name in ("value", "cash", "gross"):
        own, other = (getattr(curve, name) for curve in curves)
        assert own.tobytes() == other.tobytes()


@given(st.lists(st.floats(0.01, 1e99), min_size=1, max_size=40), st.floats(1.0, 1e6))
def test_falls_are_those_of_the_arrays(values: list[float], capital: float) -> None:
    value = np.array(values)
    fall = np.empty_like(value)
    row, peak = draw_falls(value, fall, 0, len(value), capital)
    assert (row, peak) == (len(value), max(capital, *values))
    assert fall.tobytes() == drawdowns(value, capital).tobytes()


@pytest.mark.parametrize("bad", [0.0, -1.0, 1e100, np.inf, np.nan])
def test_falls_end_before_a_value_that_is_no_account(bad: float) -> None:
    value = np.array([1.0, 3.0, bad, 2.0])
    assert draw_falls(value, np.empty(4), 0, 4, 2.0) == (2, 3.0)


@given(st.integers(1, 3000), st.integers(0, 2**32 - 1))
def test_numbers_are_added_in_the_order_in_which_numpy_adds_them(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=count) * np.exp(random.normal(0.0, 8.0, count))
    assert 0.0 + added(values, count, np.zeros(40, HALF)) == np.add.reduce(values)
