"""Ruin late in a long run: the rows before it are simulated again, and that must not show.

The run is longer than one block of rows and is ruined in its second one.
"""

from __future__ import annotations

import numpy as np
from support.engine_bars import make_bars, make_request, run_slices

from glowback_trio.model.bars import Bars
from glowback_trio.model.strategies.parameters import MaCrossover

ROWS, JUMP = 270_000, 267_500  # more rows than are simulated at once, of one symbol 262,144


def waves_and_a_jump() -> Bars:
    """Slow waves that are traded both ways, and a tenfold price while the account is short."""
    row = np.arange(ROWS)
    close = (10.0 + np.sin(row / 8_000.0)) * np.where(row < JUMP, 1.0, 10.0)
    return make_bars("A", close.tolist(), step="h")


def test_ruin_in_a_later_block_leaves_no_seam_wherever_the_blocks_are_cut() -> None:
    request = make_request(
        strategy=MaCrossover(short_period=2, long_period=500), end_date="2060-01-01"
    )
    bars = [waves_and_a_jump()]
    drafts, result = run_slices(request, bars, [ROWS])
    assert [draft.bar for draft in drafts if draft.type == "log"] == [JUMP]
    assert len(result.trades) > 10
    assert result.final_positions == {}
    assert np.searchsorted(result.curve.time, result.trades.time[-1]) == JUMP + 1
    for slices in ([5_000, ROWS], [JUMP, ROWS], [JUMP + 1, ROWS]):
        cut_drafts, cut = run_slices(request, bars, slices)
        assert cut_drafts == drafts
        assert cut.metrics == result.metrics
        for column in ("value", "cash", "gross", "drawdown"):
            np.testing.assert_array_equal(getattr(cut.curve, column), getattr(result.curve, column))
        assert cut.orders.order.tolist() == result.orders.order.tolist()
