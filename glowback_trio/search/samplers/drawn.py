"""Samplers that know all their candidates beforehand: grids, and points that are drawn."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import islice
from random import Random

from glowback_trio.model.optimization.trial import Trial
from glowback_trio.search.samplers.domain import Domain, identity
from glowback_trio.search.samplers.points import Points
from glowback_trio.search.samplers.sampler import Candidate, Score

__all__ = ["FixedSampler", "drawn_sampler", "fresh_combinations", "grid_sampler"]

_BATCH = 64
# Points in a row that may be refused, or be what was tried before.
_PATIENCE = 2_000


class FixedSampler:
    """A sampler that learns nothing.

    Args:
        combinations: What to try, in this order; read as far as it is asked for.
        total: How many there are, at most.
        refused: What was left out beforehand, as sentences.
    """

    learns = False

    def __init__(
        self, combinations: Iterator[dict[str, object]], total: int, refused: Sequence[str] = ()
    ) -> None:
        self._combinations = islice(combinations, total)
        self._given = 0
        self.refused = refused
        self.total = total

    @property
    def shortfall(self) -> str:
        """Say why there were fewer candidates than there could be; empty if there were not."""
        if self._given == self.total:
            return ""
        return f"Only {self._given} of {self.total} combinations that differ could be drawn"

    def ask(self) -> Sequence[Candidate]:
        """Return the next batch; empty if there is none left."""
        batch = [Candidate(each) for each in islice(self._combinations, _BATCH)]
        self._given += len(batch)
        return batch

    def retake(self, trials: Sequence[Trial]) -> int:
        """Prefer to be asked, which is little work."""
        return 0

    def tell(self, trials: Sequence[Trial], scores: Sequence[Score | None]) -> None:
        """Take what came of the last batch, which changes nothing."""


def grid_sampler(domain: Domain, most: int) -> FixedSampler:
    """Return a sampler of every combination of a grid, in the order of a cartesian product.

    Args:
        domain: What may be chosen.
        most: Combinations at most.
    """
    grid = domain.grid()
    count = grid.count(most)
    refused = [] if count is None else _refused(domain, domain.grid_size - count)
    return FixedSampler(iter(grid), most if count is None else min(count, most), refused)


def _refused(domain: Domain, count: int) -> Sequence[str]:
    if not count:
        return []
    reasons = "; ".join(dict.fromkeys(rule.reason for rule in domain.rules))
    return [f"{count} of {domain.grid_size} combinations are not tried: {reasons}"]


def drawn_sampler(domain: Domain, points: Points, most: int, seed: int) -> FixedSampler:
    """Return a sampler of points that are drawn; no combination comes twice.

    Args:
        domain: What may be chosen.
        points: How they are drawn.
        most: Combinations at most.
        seed: Seed of what is drawn.
    """
    everything = domain.everything()
    total = most if everything is None else sum(1 for _ in islice(everything, most))
    draw = Random(seed)  # noqa: S311 - a search wants points that can be drawn again
    return FixedSampler(fresh_combinations(domain, points, most, draw), total)


def fresh_combinations(
    domain: Domain, points: Points, wanted: int, draw: Random, tried: Iterable[Hashable] = ()
) -> Iterator[dict[str, object]]:
    """Yield combinations that may be tried, none of them twice, until no more can be found.

    Args:
        domain: What may be chosen.
        points: How points are drawn.
        wanted: Number of combinations that the points should spread over the space.
        draw: What draws.
        tried: What was tried before, by `identity`.
    """
    seen = set(tried)
    missed = 0
    for point in points(len(domain.axes), wanted, draw):
        values = domain.at(point)
        if (key := identity(values)) in seen or domain.broken(values):
            missed += 1
            if missed > _PATIENCE:
                break
            continue
        missed = 0
        seen.add(key)
        yield values
    yield from _rest(domain, seen, draw)


def _rest(domain: Domain, seen: set[Hashable], draw: Random) -> Iterator[dict[str, object]]:
    """Yield what is left of a space that can be listed, in an order that is drawn."""
    left = [each for each in domain.everything() or () if identity(each) not in seen]
    while left:
        place = int(draw.random() * len(left))
        left[place], left[-1] = left[-1], left[place]
        yield left.pop()
