"""A survey: the figures of some trials on one track, whoever has carried them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import field, frozen
from numpy import bool_
from numpy.typing import NDArray

from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch
from glowback_trio.engine.trials.company.measures import Accounts
from glowback_trio.engine.trials.company.track import Track
from glowback_trio.model.bars import Floats

__all__ = ["Survey", "groups"]

_CELLS = 1 << 17  # of curves that are worked on at once, a megabyte to an array


@frozen(eq=False)
class Survey:
    """The figures of K trials.

    Attributes:
        lane: Index of the track.
        trials: Which they are.
        is_sound: (K,) False where only the simulation itself can carry a trial out.
        accounts: Their figures.
        returns: (K, T - 1) fractions.
        sketches: Returns their sketches.
    """

    lane: int
    trials: slice
    is_sound: NDArray[bool_] = field(repr=False)
    accounts: Accounts
    returns: Floats = field(repr=False)
    sketches: Callable[[], Sequence[ReturnsSketch]] = field(repr=False)


def groups(count: int, track: Track) -> Iterator[slice]:
    """Divide trials into groups whose curves stay near the processor."""
    most = max(1, _CELLS // len(track))
    for first in range(0, count, most):
        yield slice(first, min(first + most, count))
