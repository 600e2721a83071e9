"""Replays of a strategy that works all its targets out at once.

It is asked again with the bars after a cut missing, and with some of them changed. Targets of the
rows up to the cut have to stay the same.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import numpy as np
from attrs import field, frozen

from glowback_trio.engine.lookahead.cuts import early_cuts
from glowback_trio.engine.lookahead.found import Found
from glowback_trio.engine.lookahead.later_bars import changed, jumps, until
from glowback_trio.engine.strategies.builtin import Targets, custom_targets, targets
from glowback_trio.engine.timeline import Timeline
from glowback_trio.errors import StrategyError
from glowback_trio.model.bars import Bars, Floats, Indices
from glowback_trio.model.strategies.api import Panel, TargetStrategy
from glowback_trio.model.strategies.leak_report import WithoutLaterBars
from glowback_trio.model.strategies.parameters import BuiltIn

__all__ = ["check_targets"]

# Parts of a target. Sums over arrays of other lengths may differ in their last digits.
_SAME = 1e-9
_CHANGED_EVERY = 4  # cuts: a replay with changed bars checks all cuts before its own
_LEAST_CHANGED = 64  # bars after the cut


def check_targets(
    strategy: BuiltIn | TargetStrategy,
    timeline: Timeline,
    cuts: int,
    checkpoint: Callable[[], object],
    *,
    allow_short: bool,
) -> Generator[None, None, Found]:
    """Check a strategy by replays; yield between two of them.

    Raises:
        StrategyError: It fails on the bars as they are.
    """
    # A panel is what the whole timeline makes one: symbols that share all their bars.
    panels = [_Panel(strategy, timeline, group, allow_short) for group in timeline.groups()]
    yield
    changes = np.unique(np.concatenate([panel.changes for panel in panels]))
    chosen = early_cuts(len(timeline), changes, cuts)
    made = sum(panel.made for panel in panels)
    later = chosen[:: -max(1, min(_CHANGED_EVERY, len(chosen) // 16))][::-1]
    halfway = later[len(later) * 3 // 4] if later else 0
    for seed, cut in enumerate(chosen):
        kinds: list[WithoutLaterBars] = ["missing", "changed"] if cut in later else ["missing"]
        for kind in kinds:
            for panel in panels:
                checkpoint()
                if found := panel.difference(cut, kind, seed, to_the_end=cut == halfway):
                    return Found(len(chosen), made, *found, repeatable=panel.repeats())
                yield
    return Found(len(chosen), made)


#: How the later bars were, the cut, the row and symbol of a decision, and both decisions.
_Difference = tuple[WithoutLaterBars, int, int, int, str, str]


@frozen(eq=False)
class _Panel:
    """Symbols that share their bars, and the targets that a strategy gives them.

    Attributes:
        bars: Those for warming up first, W, then T others.
        close: (W + T, N).
        wanted: (W + T, N).
    """

    strategy: BuiltIn | TargetStrategy
    timeline: Timeline
    group: Sequence[int]
    allow_short: bool
    bars: Sequence[Bars] = field(init=False)
    close: Floats = field(init=False)
    wanted: Floats = field(init=False)

    @bars.default
    def _seen(self) -> Sequence[Bars]:
        return [self.timeline.seen(symbol) for symbol in self.group]

    @close.default
    def _closes(self) -> Floats:
        return np.stack([one.close for one in self.bars], axis=1)

    @wanted.default
    def _wanted(self) -> Floats:
        return self._targets()

    @property
    def _early(self) -> int:
        return len(self.timeline.warmup.get(self.group[0], ()))

    @property
    def _rows(self) -> Indices:
        return self.timeline.rows[self.group[0]]

    @property
    def made(self) -> int:
        """Number of targets."""
        return int(np.count_nonzero(~np.isnan(self.wanted)))

    @property
    def changes(self) -> Indices:
        """The rows of the timeline on which targets are others than on the row before."""
        return self._rows[self._changed[self._changed >= self._early] - self._early]

    @property
    def _changed(self) -> Indices:
        after, before = self.wanted[1:], self.wanted[:-1]
        same = (after == before) | (np.isnan(after) & np.isnan(before))
        return 1 + np.flatnonzero(~same.all(axis=1))

    def repeats(self) -> bool:
        """Return True if the strategy gives the same targets for the same bars."""
        return not _differ(self.wanted, self._targets()).any()

    def difference(
        self, cut: int, later: WithoutLaterBars, seed: int = 0, *, to_the_end: bool = False
    ) -> _Difference | None:
        """Return the first target up to a cut that is another one without the later bars."""
        known = self._early + int(self._rows.searchsorted(cut, side="right"))
        length = len(self.bars[0])
        if known in (self._early, length):
            return None  # nothing before the cut, or nothing after it
        stop = length if to_the_end else min(length, known + max(_LEAST_CHANGED, known // 2))
        try:
            if later == "missing":
                instead = self._without(known)
            else:
                instead = self._with_others(known, stop, seed)[:known]
        except StrategyError as error:
            return None if later == "changed" else self._failed(cut, known, error)
        differs = _differ(self.wanted[:known], instead)
        if not differs.any():
            return None
        row, column = np.argwhere(differs)[0].tolist()
        both = (_said(targets[row, column]) for targets in (self.wanted, instead))
        return later, cut, self._row(row), self.group[column], *both

    def _failed(self, cut: int, known: int, error: StrategyError) -> _Difference | None:
        """Return the last change of targets that the strategy could not have made.

        One that fails on fewer bars than it needs for its first decision is right to do so.
        """
        before = self._changed[self._changed < known]
        if not len(before):
            return None
        row = int(before[-1])
        column = int(np.flatnonzero(_differ(self.wanted[row - 1], self.wanted[row]))[0])
        said = f"it fails ({error})"
        return (
            "missing",
            cut,
            self._row(row),
            self.group[column],
            _said(self.wanted[row, column]),
            said,
        )

    def _row(self, row: int) -> int:
        """Return the row of the timeline for one of the panel; -1 for one before the range."""
        return int(self._rows[row - self._early]) if row >= self._early else -1

    def _without(self, known: int) -> Floats:
        """Return the targets on the first bars alone."""
        if isinstance(self.strategy, TargetStrategy):
            return self._asked_for([until(one, known) for one in self.bars])
        return self._built_in(self.close[:known])

    def _with_others(self, known: int, stop: int, seed: int) -> Floats:
        """Return the targets where the bars from `known` to `stop` are others."""
        seeds = range(seed, seed + len(self.bars))
        if isinstance(self.strategy, TargetStrategy):
            pairs = zip(self.bars, seeds, strict=True)
            return self._asked_for([changed(one, known, stop, each) for one, each in pairs])
        close = self.close[:stop].copy()
        for column, each in enumerate(seeds):
            close[known:, column] *= jumps(stop - known, each)
        return self._built_in(close)

    def _targets(self) -> Floats:
        """Return the targets on the bars as they are."""
        if isinstance(self.strategy, TargetStrategy):
            return self._asked_for(self.bars)
        return self._built_in(self.close)

    def _asked_for(self, bars: Sequence[Bars]) -> Floats:
        assert isinstance(self.strategy, TargetStrategy)
        panel, shape = Panel(bars), self.close[: len(bars[0])]
        made = custom_targets(self.strategy, panel, shape, allow_short=self.allow_short)
        return _laid_out(made, shape)

    def _built_in(self, close: Floats) -> Floats:
        assert not isinstance(self.strategy, TargetStrategy)
        return _laid_out(targets(self.strategy, close, allow_short=self.allow_short), close)


def _laid_out(made: Targets, close: Floats) -> Floats:
    wanted = np.full(close.shape, np.nan)
    wanted[made.bar, made.column] = made.fraction
    return wanted


def _differ(one: Floats, other: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    nothing, either = np.isnan(one), np.isnan(one) | np.isnan(other)
    far = np.abs(one - other) > _SAME * np.maximum(1.0, np.abs(one))
    return np.where(either, nothing != np.isnan(other), far)


def _said(target: float) -> str:
    return "nothing new" if np.isnan(target) else f"a target of {target:.10g}"
