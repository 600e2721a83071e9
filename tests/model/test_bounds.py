"""Values built in Python: bounds and types are checked, and each problem is found at its path.

Doctrine: each kind of field is given values that Python programs pass by mistake; documents have
the same bounds, and `tests/wire/test_converter.py` tries each of them.
"""

from __future__ import annotations

from typing import Any

import pytest

from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.bounds import did_you_mean
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.parameters import MaCrossover, Rsi

MINIMAL: dict[str, Any] = {"symbols": ["A"], "start_date": "2020-01-01", "end_date": "2020-02-01"}


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("execution", {"slippage_bps": 1}, "Execution"),
        ("stream", {"orders": True}, "Stream"),
        ("portfolio_construction", {"target_weights": {"A": 1.0}}, "PortfolioConstruction"),
        ("strategy", {"name": "rsi"}, "Rsi"),
        ("strategy", "rsi", "Rsi"),
        ("strategy", Rsi, "Rsi"),
    ],
)
def test_a_value_of_another_type_is_a_problem_that_names_the_right_one(
    field: str, value: Any, wanted: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        BacktestRequest(**MINIMAL, **{field: value})
    (problem,) = caught.value.problems
    assert (problem.kind, problem.path) == ("type_error", (field,))
    assert wanted in problem.message


def test_values_built_in_python_have_the_same_bounds() -> None:
    with pytest.raises(InvalidRequestError, match="short_period"):
        MaCrossover(short_period=20, long_period=10)
    with pytest.raises(InvalidRequestError, match="finite"):
        Rsi(oversold_threshold=float("nan"))
    with pytest.raises(InvalidRequestError, match=r"target_weights\.A"):
        PortfolioConstruction(target_weights={"A": 2.0})
    with pytest.raises(InvalidRequestError, match="resolution"):
        BacktestRequest(
            symbols="AAPL",
            start_date="2024-01-01",
            end_date="2024-02-01",
            resolution="week",  # type: ignore[arg-type]  # the refusal is what is tested
        )


def test_an_unknown_word_gets_its_neighbours_or_all_words_as_advice() -> None:
    assert did_you_mean("rsl", ["rsi", "momentum"]) == "did you mean 'rsi'?"
    assert did_you_mean("zzz", ["b", "a"]) == "known: a, b"
