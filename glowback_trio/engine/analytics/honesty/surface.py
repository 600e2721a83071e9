"""The surface of parameters: whether the best trial stands on a plateau or on a spike.

A rule that has found something is about as good with parameters next to the best ones; a rule that
has been fitted to noise may be good with these alone. But noise makes plateaus too where neighbours
make nearly the same trades, so a plateau proves nothing, while a spike is a warning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from attrs import frozen

from glowback_trio.model.bars import Floats, Indices

__all__ = ["Stability", "surface_stability"]

_PLATEAU = 0.5
_SHARE = 10  # of all trials at most one in so many is a neighbour
# Along one parameter, what the others differ by weighs so much more.
_ACROSS = 4.0


@frozen
class Stability:
    """Results of the neighbours of the best trial.

    Attributes:
        neighbours: How many there are, over all parameters together.
        objective: Their mean objective.
        together: Where it lies between the median of all trials, 0, and the best, 1; negative is
            below the median.
        by_parameter: The same of the neighbours along each parameter alone; None where it has but
            one value.
    """

    neighbours: int
    objective: float
    together: float
    by_parameter: Mapping[str, float | None]

    @property
    def plateau(self) -> bool:
        """True if the neighbours keep at least half of what the best has above the median."""
        return self.together >= _PLATEAU


def surface_stability(
    parameters: Sequence[Mapping[str, object]],
    objectives: Sequence[float | None],
    *,
    maximize: bool = True,
) -> Stability | None:
    """Compare the best trial with its neighbours.

    Numbers are compared by their rank among the values that were tried, so that scales do not
    matter; different values of any other kind are as far apart as the ends of a range. Over all
    parameters the nearest 3^d - 1 trials are neighbours, as in a grid of d parameters, but no more
    than a tenth of all trials or two per parameter. Along one parameter they are the nearest two,
    for which what the other parameters differ by counts four times.

    Args:
        parameters: Those of each trial, all with the same names.
        objectives: Objective of each trial; None or NaN where it has none. Such trials are left
            out.
        maximize: Whether a larger objective is better.

    Returns:
        None for fewer than three trials with an objective, without parameters, or if the best is no
        better than the median.
    """
    scores = np.array([np.nan if one is None else one for one in objectives], float)
    scored = np.flatnonzero(np.isfinite(scores))
    if len(scored) < 3 or not parameters[int(scored[0])]:
        return None
    scores = scores[scored] if maximize else -scores[scored]
    best, median = int(scores.argmax()), float(np.median(scores))
    rise = float(scores[best]) - median
    if rise <= 0:
        return None
    columns = {
        name: _distances([parameters[trial][name] for trial in scored.tolist()], best)
        for name in parameters[int(scored[0])]
    }
    every = np.stack(list(columns.values()))
    near = _nearest(every.max(axis=0), best, _neighbours(len(columns), len(scored)))
    along = {
        name: _kept(scores, _along(every, index, best), median, rise)
        for index, name in enumerate(columns)
    }
    mean = float(scores[near].mean())
    return Stability(
        neighbours=len(near),
        objective=mean if maximize else -mean,
        together=(mean - median) / rise,
        by_parameter=along,
    )


def _distances(values: Sequence[object], best: int) -> Floats:
    """Return how far each value is from the best trial's, in [0, 1]."""
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
        distinct, rank = np.unique(np.array(values, float), return_inverse=True)
        far: Floats = np.abs(rank - rank[best]) / max(len(distinct) - 1, 1)
        return far
    return np.array([0.0 if one == values[best] else 1.0 for one in values])


def _neighbours(parameters: int, trials: int) -> int:
    # Bounded first, because powers of many parameters are large.
    around: int = 3 ** min(parameters, 9) - 1
    return min(around, max(2 * parameters, trials // _SHARE), trials - 1)


def _nearest(distance: Floats, best: int, most: int) -> Indices:
    """Return the trials nearest to the best one, without it; among equals the earlier ones."""
    order = np.argsort(distance, kind="stable")
    near: Indices = order[order != best][:most]
    return near


def _along(every: Floats, index: int, best: int) -> Indices:
    """Return the trials next to the best one along one parameter."""
    own, others = every[index], np.delete(every, index, axis=0)
    distance = own + _ACROSS * others.max(axis=0, initial=0.0)
    # Trials with the same value say nothing of this parameter.
    distance[own == 0] = np.inf
    near = [trial for trial in _nearest(distance, best, 2) if np.isfinite(distance[trial])]
    return np.array(near, np.intp)


def _kept(scores: Floats, near: Indices, median: float, rise: float) -> float | None:
    return (float(scores[near].mean()) - median) / rise if len(near) else None
