"""The terms of the stream: state names are the states, and close codes are distinct.

Rule: what a second place spells out for the type checker is compared with its source.
"""

from __future__ import annotations

from typing import get_args

import pytest

from glowback_trio.model.lifecycle import TERMINAL, State
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.model.stream_protocol import (
    CLOSES,
    RUN_NOT_FOUND,
    EndStateName,
    OptimizationStateName,
    StateName,
    is_final,
)


def test_state_names_are_the_states_in_their_order() -> None:
    assert get_args(StateName) == tuple(State)
    assert get_args(OptimizationStateName) == tuple(OptimizationState)
    assert set(get_args(EndStateName)) == TERMINAL
    assert set(get_args(EndStateName)) <= set(get_args(StateName))


def test_every_close_has_a_code_of_its_own_and_says_what_was_not_found() -> None:
    others = [close.code for close in CLOSES if not close.reason.endswith(" not found")]
    assert len(set(others)) == len(others)
    assert RUN_NOT_FOUND.code not in others
    assert len({close.reason for close in CLOSES}) == len(CLOSES)


@pytest.mark.parametrize("code", [1000, 1008, 4400, 4499])
def test_some_closes_are_final(code: int) -> None:
    assert is_final(code)


@pytest.mark.parametrize("code", [1001, 1006, 1011, 1012, 1013, 4399, 4500])
def test_after_all_other_closes_a_client_may_come_back(code: int) -> None:
    assert not is_final(code)
