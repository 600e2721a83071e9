"""Parameters put into a request: the same request, or the same problems, as if it were made anew.

Only what changes is checked, which takes a fraction of the time; nothing else may differ.
"""

from __future__ import annotations

from typing import Any

import attrs
import hypothesis.strategies as st
from hypothesis import given

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bounds import changed
from glowback_trio.model.optimization.overlay import applied
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.api import TargetStrategy
from glowback_trio.model.strategies.parameters import MaCrossover

BASE = BacktestRequest(
    symbols=["AAPL"], start_date="2019-01-01", end_date="2020-12-31", strategy=MaCrossover()
)
NUMBERS = st.integers(-3, 40) | st.floats(-3, 40, allow_nan=False)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "short_period": NUMBERS,
        "long_period": NUMBERS,
        "position_size": st.floats(-0.5, 2),
        "direction": st.sampled_from(["long_only", "short_only"]),
    },
)


def outcome(change: Any) -> object:
    try:
        return repr(attrs.astuple(change(), recurse=False))
    except InvalidRequestError as error:
        return [(problem.kind, problem.path, problem.message) for problem in error.problems]


@given(CHANGES)
def test_a_change_is_what_making_the_value_anew_gives(changes: dict[str, Any]) -> None:
    fast = outcome(lambda: changed(BASE.strategy, changes))
    assert fast == outcome(lambda: attrs.evolve(BASE.strategy, **changes))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "symbols": st.sampled_from(["MSFT", ["A", "A"], [], [3], 7]),
            "end_date": st.sampled_from(["2018-01-01", "2021-01-01", "soon"]),
            "initial_capital": st.integers(-1, 1),
            "tags": st.sampled_from([["x"], ["x", "x"]]),
        },
    )
)
def test_a_changed_request_is_what_making_it_anew_gives(changes: dict[str, Any]) -> None:
    fast = outcome(lambda: changed(BASE, changes))
    assert fast == outcome(lambda: attrs.evolve(BASE, **changes))


@attrs.frozen
class Particular(TargetStrategy):
    """A strategy that checks more than its bounds."""

    name = "particular"
    title = "Particular"

    size: int = attrs.field(default=1)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.size > 3:
            raise InvalidRequestError([Problem("value_error", ("size",), "Too large", self.size)])

    def targets(self, panel: Any) -> Any:
        return panel.close * 0.0


def test_checks_of_a_strategy_s_own_are_carried_out() -> None:
    base = attrs.evolve(BASE, strategy=Particular())
    assert applied(base, {"size": 2}).strategy == Particular(size=2)
    problem = [("value_error", ("strategy", "params", "size"), "Too large")]
    assert outcome(lambda: applied(base, {"size": 4})) == problem
