"""The gate to the batch paths lets through only what is known to be handled.

By rule every field of the cost model is either declared batch-safe, and then drawn by the random
runs that hold the batch paths to the broker, or turns the batch paths off at any value but its
default. A new field that is neither fails here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve, fields
from hypothesis import given, settings
from hypothesis import strategies as st
from support.random_runs import BATCHED, UNBATCHED

from glowback_trio.engine.batch.gate import BATCH_SAFE, is_batchable
from glowback_trio.engine.execution.costs import CostModel, cost_model
from glowback_trio.model.request import Execution

SAFE: dict[str, Any] = {
    "slippage": 0.1,
    "rate": 0.1,
    "maker_rate": 0.1,
    "per_share": 0.1,
    "minimum": 1.0,
    "leverage": 2.0,
    "whole_shares": True,
    "allow_short": False,
    "latency": np.timedelta64(1, "D"),
}
DISABLING: dict[str, Any] = {
    "impact": 0.1,
    "participation": 0.5,
    "sized_at_fill": True,
    "borrow_rate": 0.1,
    "margin_rate": 0.1,
    "closes_ended": True,
}


def test_every_field_of_the_cost_model_is_declared_safe_or_disables_the_batch_paths() -> None:
    given = {one.name for one in fields(CostModel) if one.init}
    derived = {one.name for one in fields(CostModel) if not one.init}
    assert given == SAFE.keys() | DISABLING.keys()
    assert SAFE.keys() | derived == BATCH_SAFE


@pytest.mark.parametrize("name", SAFE)
def test_a_safe_field_leaves_the_batch_paths_on(name: str) -> None:
    assert is_batchable(evolve(CostModel(), **{name: SAFE[name]}))


@pytest.mark.parametrize("name", DISABLING)
def test_any_other_field_turns_the_batch_paths_off(name: str) -> None:
    assert not is_batchable(evolve(CostModel(), **{name: DISABLING[name]}))


def test_a_request_for_nothing_special_takes_the_batch_paths() -> None:
    assert is_batchable(cost_model(Execution()))


def test_random_runs_draw_every_option_of_an_execution() -> None:
    assert BATCHED.keys() | UNBATCHED.keys() == {one.name for one in fields(Execution)}


@given(st.fixed_dictionaries(BATCHED))
def test_random_runs_draw_options_that_leave_the_batch_paths_on(options: dict[str, Any]) -> None:
    assert is_batchable(cost_model(Execution(**options)))


@pytest.mark.parametrize("name", UNBATCHED)
@given(st.data())
@settings(max_examples=3)
def test_random_runs_draw_options_each_of_which_turns_them_off(
    name: str, data: st.DataObject
) -> None:
    assert not is_batchable(cost_model(Execution(**{name: data.draw(UNBATCHED[name])})))
