"""Typed dicts of what checking a strategy answers."""

from __future__ import annotations

from typing import Annotated, TypedDict

from glowback_trio.model.bounds import Ge
from glowback_trio.model.strategies.leak_report import LeakVerdict, WithoutLaterBars

__all__ = ["ChangedDecisionDocument", "LeakReportDocument"]


class ChangedDecisionDocument(TypedDict):
    """A decision that is another one if the bars after it are.

    Attributes:
        later_bars: What was done to the bars after the cut.
        cut: Time of the last bar that was left as it is.
        bar: Time of the bar at which the decision was made.
        symbol: Its symbol; null if it is about none.
        decided: What was decided with all bars.
        decided_instead: What was decided without the bars after the cut.
    """

    later_bars: WithoutLaterBars
    cut: str
    bar: str
    symbol: str | None
    decided: str
    decided_instead: str


class LeakReportDocument(TypedDict):
    """The outcome of a leak check.

    Attributes:
        strategy: Name of the strategy.
        verdict: `clean`, `leaks`, or `unrepeatable` if it decides something else each time.
        clean: Whether no decision changed.
        cuts: At how many bars the later ones were taken away, and changed.
        bars: Times of the range.
        decisions: How many decisions were made on all bars; without any, nothing was checked.
        changed: The first decision that was found to change; null if none was.
        message: The outcome as a sentence.
    """

    strategy: str
    verdict: LeakVerdict
    clean: bool
    cuts: Annotated[int, Ge(0)]
    bars: Annotated[int, Ge(0)]
    decisions: Annotated[int, Ge(0)]
    changed: ChangedDecisionDocument | None
    message: str
