"""The last digit: figures of a run depend neither on numpy's version nor on the processor.

Rule: metrics take powers and logarithms from the C library, never from numpy, whose own differ
between versions and processors, and add up in one order. `nox -s numpy_versions` compares whole
results between versions of numpy; here numpy is told to use less of the processor. And no figure
of a document is negative zero.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from support.engine_bars import make_bars, make_request
from support.random_runs import runs

from glowback_trio.engine import analytics, backtest
from glowback_trio.engine.analytics.arithmetic import power
from glowback_trio.engine.reporting.result_document import result_document
from glowback_trio.model.bars import Bars
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.parameters import MeanReversion

DIGITS = Path(__file__).parents[1] / "extended" / "digits.py"
#: What a plain processor of 2008 lacks. numpy ignores the names it does not know.
FEATURES = "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL X86_V3 X86_V4"
INEXACT = {"power", "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "std", "var", "dot"}


def digits(**environment: str) -> bytes:
    command = [sys.executable, "-W", "ignore", str(DIGITS)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, check=True)
    return done.stdout


def test_results_have_the_same_digits_on_a_plainer_processor() -> None:
    plain = digits(NPY_DISABLE_CPU_FEATURES=FEATURES, OPENBLAS_CORETYPE="Nehalem")
    assert len(plain.split()) == 1
    assert digits() == plain


@pytest.mark.parametrize(
    "module", sorted(Path(analytics.__path__[0]).rglob("*.py")), ids=lambda one: str(one.stem)
)
def test_no_metric_takes_a_function_of_numpys_whose_last_digit_varies(module: Path) -> None:
    tree = ast.parse(module.read_text())
    called = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "np"
    }
    assert not called & INEXACT
    # Statistics of many trials multiply matrices of small whole numbers, whose sums are exact.
    products = [node for node in ast.walk(tree) if isinstance(node, ast.MatMult)]
    assert not products or module.stem in {"splits", "clusters", "superior"}


@pytest.mark.parametrize(
    ("base", "exponent", "expected"),
    [
        (2.0, 3.0, 8.0),
        (0.0, 0.5, 0.0),
        (-1.0, 0.5, np.nan),
        (1e10, 1e3, np.nan),
        (np.nan, 2, np.nan),
    ],
)
def test_a_power_is_a_number_or_undefined(base: float, exponent: float, expected: float) -> None:
    assert power(base, exponent) == pytest.approx(expected, nan_ok=True)
    many = power(np.array([[base, 4.0]]), exponent)
    assert np.shape(many) == (1, 2)
    assert np.asarray(many)[0, 0] == pytest.approx(expected, nan_ok=True)


def negative_zeros(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from negative_zeros(one, f"{path}/{name}")
    elif isinstance(value, list):
        for one in value:
            yield from negative_zeros(one, path)
    elif isinstance(value, float) and json.dumps(value) == "-0.0":
        yield path


def test_a_run_that_does_not_trade_has_no_negative_zero() -> None:
    bars = make_bars("A", [10.0] * 40)
    result = backtest(make_request("A", MeanReversion()), [bars])
    assert result.metrics["var_95"] == result.metrics["cvar_95"] == 0.0
    assert not list(negative_zeros(result_document(result, "r")))


@settings(max_examples=50)
@given(runs())
def test_no_figure_of_a_result_is_a_negative_zero(run: tuple[BacktestRequest, list[Bars]]) -> None:
    assert not list(negative_zeros(result_document(backtest(*run), "r")))
