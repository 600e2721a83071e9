"""The sparkline of the summary: scaled from the lowest to the highest value, cut to the width."""

from __future__ import annotations

import numpy as np
import pytest

from glowback_trio.cli.sparkline import sparkline


@pytest.mark.parametrize(
    ("values", "width", "drawn"),
    [
        ([], 10, ""),
        ([5.0], 10, "▁"),
        ([5.0, 5.0, 5.0], 10, "▁▁▁"),
        ([0.0, 7.0], 10, "▁█"),
        (list(range(8)), 8, "▁▂▃▄▅▆▇█"),
        (list(range(8)), 2, "▁█"),
        ([9.0, 0.0, 9.0, 7.0], 2, "▁█"),
    ],
)
def test_a_sparkline_goes_from_the_lowest_block_to_the_highest(
    values: list[float], width: int, drawn: str
) -> None:
    assert sparkline(np.array(values, dtype=np.float64), width) == drawn
