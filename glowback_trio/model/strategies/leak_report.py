"""The report of a leak check: whether later bars change what a strategy decides."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from glowback_trio.model.short_repr import counted, describe

__all__ = ["ChangedDecision", "LeakReport", "LeakVerdict", "WithoutLaterBars"]

#: `unrepeatable`: it decides something else on the very same bars.
LeakVerdict = Literal["clean", "leaks", "unrepeatable"]
WithoutLaterBars = Literal["missing", "changed"]


@frozen(kw_only=True, repr=False)
class ChangedDecision:
    """A decision that is another one if the bars after it are.

    Attributes:
        later_bars: What was done to the bars after the cut: they were `missing`, or `changed`.
        cut: Time of the last bar that was left as it is, such as `2024-01-31`.
        bar: Time of the bar at which the decision was made: the cut or an earlier bar.
        symbol: Its symbol; None if it is about none.
        decided: What was decided at that bar with all bars.
        decided_instead: What was decided there without the bars after the cut.
    """

    later_bars: WithoutLaterBars
    cut: str
    bar: str
    symbol: str | None
    decided: str
    decided_instead: str

    def __repr__(self) -> str:
        return describe(self, self.bar, str(self.symbol), self.decided, self.decided_instead)


@frozen(kw_only=True, repr=False)
class LeakReport:
    """The outcome of a leak check.

    Attributes:
        strategy: Name of the strategy.
        verdict: `clean` if no decision changed, `leaks` if one did, `unrepeatable` if the strategy
            decides something else on the very same bars, so that nothing can be said.
        cuts: At how many bars the later ones were taken away, and changed.
        bars: Times of the range.
        decisions: How many decisions were made on all bars; without any, nothing was checked.
        changed: The first decision that was found to change; None if none was.
    """

    strategy: str
    verdict: LeakVerdict
    cuts: int
    bars: int
    decisions: int
    changed: ChangedDecision | None = None

    @property
    def clean(self) -> bool:
        """True if no decision changed."""
        return self.verdict == "clean"

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        cuts, found = counted(self.cuts, "cut"), self.changed
        if found is None:
            made = f"{counted(self.decisions, 'decision')} on {counted(self.bars, 'bar')}"
            if not self.decisions:
                return f"{self.strategy} has made no decision on these bars, so none was checked"
            return f"{self.strategy} does not look ahead: {made} stay the same at {cuts}"
        about = "" if found.symbol is None else f" for {found.symbol}"
        without = f"with the bars after {found.cut} {found.later_bars}"
        both = f"{found.decided}, and {without}: {found.decided_instead}"
        if self.verdict == "unrepeatable":
            return (
                f"{self.strategy} decides something else each time it is run on the same bars, so "
                f"it cannot be checked; at {found.bar}{about} it decided {both}"
            )
        return f"{self.strategy} looks ahead: at {found.bar}{about} it decided {both}"

    def __repr__(self) -> str:
        return describe(self, self.strategy, self.verdict, cuts=self.cuts, bars=self.bars)
