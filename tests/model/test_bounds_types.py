"""A value of a wrong type is a problem at its path, and never an unexpected exception.

Doctrine: each kind of field is given values of the types that Python programs pass by mistake.
"""

from __future__ import annotations

from typing import Any

import pytest

from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.parameters import Rsi

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
