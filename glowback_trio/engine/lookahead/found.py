"""The findings of replays of a strategy."""

from __future__ import annotations

from attrs import frozen

from glowback_trio.model.strategies.leak_report import WithoutLaterBars

__all__ = ["Found"]


@frozen
class Found:
    """The outcome of all replays, in rows of the timeline.

    Attributes:
        cuts: How many cuts there were.
        decisions: How many decisions were made on all bars.
        later_bars: What was done to the bars after the cut; None if nothing differs, and then the
            others say nothing.
        cut: The last row that stayed as it is.
        row: The row of the decision; -1 for one before the range.
        symbol: Index of its symbol.
        decided: What was decided with all bars.
        instead: What was decided without the later ones.
        repeatable: False if it decides something else on the very same bars.
    """

    cuts: int
    decisions: int
    later_bars: WithoutLaterBars | None = None
    cut: int = 0
    row: int = 0
    symbol: int = 0
    decided: str = ""
    instead: str = ""
    repeatable: bool = True
