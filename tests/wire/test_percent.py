"""Fractions become percent in one place.

Doctrine: the rule is read from the syntax trees of every room that could convert on its own.
"""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import glowback_trio
from glowback_trio.wire.percent import as_fraction, as_percent, percent_of

PACKAGE = Path(glowback_trio.__file__).parent

#: The relative strength index runs from 0 to 100 and is no percentage of anything.
EXEMPT = {"wire/percent.py", "engine/strategies/indicators.py"}


def test_a_fraction_becomes_percent_and_comes_back() -> None:
    assert as_percent(0.25) == 25.0
    assert as_fraction(25.0) == 0.25
    assert as_percent(np.array([0.5, np.nan])).tolist()[0] == 50.0


def test_a_part_of_nothing_has_no_percentage() -> None:
    found = percent_of(np.array([1.0, 1.0, 1.0]), np.array([4.0, 0.0, -1.0]))
    np.testing.assert_array_equal(found, [25.0, np.nan, np.nan])


def conversions(source: str) -> list[int]:
    """The lines that multiply or divide by 100."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Mult | ast.Div)
        and any(
            isinstance(side, ast.Constant) and side.value == 100 for side in (node.left, node.right)
        )
    ]


@pytest.mark.parametrize("room", ["model", "wire", "engine"])
def test_no_other_module_converts(room: str) -> None:
    found = {
        str(path.relative_to(PACKAGE)): lines
        for path in sorted((PACKAGE / room).rglob("*.py"))
        if (lines := conversions(path.read_text()))
    }
    assert found.keys() <= EXEMPT


@pytest.mark.parametrize("source", ["x = y * 100.0", "x = 100 * y", "x = f(y) / 100.0"])
def test_a_planted_conversion_is_seen(source: str) -> None:
    assert conversions(source) == [1]
