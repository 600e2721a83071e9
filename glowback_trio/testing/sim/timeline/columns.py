"""Choose the steps that are drawn: a long round is drawn where something happens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from glowback_trio.testing.sim.timeline.story import Story

__all__ = ["Column", "columns"]

# Rounds of so many steps are drawn whole.
_WHOLE = 56
# Steps that are drawn before and after what is of interest.
_BEFORE, _AFTER = 3, 5
_AT_START, _AT_END = 3, 10
# Deviations that get room of their own; a finding that could not be shrunk may have thousands.
_DEVIATIONS = 12
# A gap shorter than this is not worth leaving out.
_LEAST_GAP = 4


class Column(NamedTuple):
    """One step, or a stretch of steps that is left out.

    Attributes:
        first: The step, or the first of the stretch.
        last: The same step, or the last of the stretch.
    """

    first: int
    last: int

    @property
    def is_gap(self) -> bool:
        """True if it is a stretch."""
        return self.last > self.first


def columns(story: Story) -> list[Column]:
    """Return what is drawn, in order, from the first step to the last of the longer round."""
    lengths = [len(story.failing.steps)]
    if story.passing is not None:
        lengths.append(len(story.passing.steps))
    total = max(lengths)
    if total <= _WHOLE:
        return [Column(step, step) for step in range(1, total + 1)]
    centres = sorted({each.step for each in story.choices})[:_DEVIATIONS]
    ranges = [(1, _AT_START), *((length - _AT_END, length) for length in lengths)]
    ranges += [(step - _BEFORE, step + _AFTER) for step in (*centres, story.parted_at) if step]
    return list(_with_gaps(_covered(ranges, total), total))


def _covered(ranges: Iterable[tuple[int, int]], total: int) -> list[int]:
    steps = {step for first, last in ranges for step in range(max(first, 1), min(last, total) + 1)}
    return sorted(steps)


def _with_gaps(steps: list[int], total: int) -> Iterator[Column]:
    before = 0
    for step in [*steps, total + 1]:
        if step - before - 1 >= _LEAST_GAP:
            yield Column(before + 1, step - 1)
        else:
            yield from (Column(each, each) for each in range(before + 1, step))
        if step <= total:
            yield Column(step, step)
        before = step
