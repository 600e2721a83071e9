"""Values built in Python: bounds and types are checked, and each problem is found at its path.

Doctrine: each kind of field is given values that Python programs pass by mistake; documents have
the same bounds, and `tests/wire/test_converter.py` tries each of them.
"""

from __future__ import annotations

from typing import Any

import pytest
from support.pickling_compute import repickled

from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.bounds import did_you_mean
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.lost import lost_strategy
from glowback_trio.model.strategies.parameters import MaCrossover, Rsi
from glowback_trio.wire.requests import parse_request

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


WRONG: dict[str, Any] = {
    "symbols": ["A", 5, "..", "B"],
    "start_date": "2020-13-01",
    "end_date": 7,
    "initial_capital": -1,
    "timezone": "Mars/Olympus",
    "strategy": "rsi",
    "risk_free_rate": float("nan"),
    "csv_data_path": "x",
}


def problems_in_python(fields: dict[str, Any]) -> set[tuple[str, tuple[str | int, ...]]]:
    with pytest.raises(InvalidRequestError) as caught:
        BacktestRequest(**fields)
    assert isinstance(repickled(caught.value), InvalidRequestError)
    assert repickled(caught.value).problems[0].path == caught.value.problems[0].path
    return {(problem.kind, problem.path) for problem in caught.value.problems}


def test_python_gets_all_problems_that_a_document_gets() -> None:
    document = {name: value for name, value in WRONG.items() if name != "strategy"}
    with pytest.raises(InvalidRequestError) as caught:
        parse_request(document)
    of_document = {(problem.kind, problem.path) for problem in caught.value.problems}
    assert {path for _, path in of_document} == {
        *[("symbols", 1), ("symbols", 2), ("start_date",), ("end_date",), ("initial_capital",)],
        *[("timezone",), ("risk_free_rate",), ("csv_data_path",)],
    }
    assert problems_in_python(WRONG) == {*of_document, ("type_error", ("strategy",))}


@pytest.mark.parametrize("field", WRONG)
def test_each_wrong_field_alone_gives_the_paths_that_it_gives_with_the_others(field: str) -> None:
    found = problems_in_python({**MINIMAL, field: WRONG[field]})
    assert {path[0] for _, path in found} == {field}


@pytest.mark.parametrize("symbols", [None, 5, 1.5])
def test_symbols_that_are_no_list_are_a_problem(symbols: Any) -> None:
    assert problems_in_python({**MINIMAL, "symbols": symbols}) == {("list_type", ("symbols",))}


@pytest.mark.parametrize("date", [None, 5, "", "today", "2020-02-30", "1200-01-01", b"2020-01-01"])
@pytest.mark.parametrize("field", ["start_date", "end_date"])
def test_a_date_that_is_none_is_a_problem_of_its_field(field: str, date: Any) -> None:
    ((_, path),) = problems_in_python({**MINIMAL, field: date})
    assert path == (field,)


def test_a_weight_whose_symbol_is_no_text_is_a_problem() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        PortfolioConstruction(target_weights={5: 0.5, "A": 2.0})
    assert [problem.path for problem in caught.value.problems] == [
        ("target_weights", 5),
        ("target_weights", "A"),
    ]


def test_an_unknown_word_gets_its_neighbours_or_all_words_as_advice() -> None:
    assert did_you_mean("rsl", ["rsi", "momentum"]) == "did you mean 'rsi'?"
    assert did_you_mean("zzz", ["b", "a"]) == "known: a, b"


def test_a_strategy_that_is_not_known_any_more_keeps_parameters_of_any_kind() -> None:
    params = {"length": 3, "threshold": 0.5, "symbols": ["A"], "more": None}
    assert lost_strategy("my_own", params).params == params
