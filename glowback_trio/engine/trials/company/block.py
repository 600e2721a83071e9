"""A block of trials of one strategy, evaluated together on all their segments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from attrs import define, field, frozen

from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch, sketches_of
from glowback_trio.engine.analytics.metrics import plain
from glowback_trio.engine.analytics.returns import bar_returns
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.trials.company.curves import draw_curves
from glowback_trio.engine.trials.company.entrants import Entrant
from glowback_trio.engine.trials.company.fills import fill_orders
from glowback_trio.engine.trials.company.measures import Traded, metrics_of, profits_of
from glowback_trio.engine.trials.company.orders import joined, orders_of
from glowback_trio.engine.trials.company.track import Track
from glowback_trio.engine.trials.ground import Ground, on_segment
from glowback_trio.engine.trials.metric_names import score
from glowback_trio.engine.trials.plan import FULL, Segment
from glowback_trio.engine.trials.splits import FoldSplit
from glowback_trio.model.bars import Floats, Indices
from glowback_trio.model.request import BacktestRequest

__all__ = ["Division", "Tracks", "evaluate_block"]

_MOST_TRACKS = 64  # kept at once: where symbols are chosen there may be any number

Scores = Sequence[tuple[float | None, float | None]]
SegmentMetrics = Mapping[str, Mapping[str, float | int | None]]


@define(eq=False)
class Tracks:
    """The tracks of a search, each made once.

    Args:
        ground: The bars.
    """

    _ground: Ground
    _tracks: dict[tuple[str, Segment], Track] = field(factory=dict, init=False)

    def on(self, request: BacktestRequest, segment: Segment) -> Track:
        """Return the track of one segment of a request for one symbol.

        Raises:
            DataError: It has no bars, or prices that are no prices.
        """
        (symbol,) = request.symbols
        key = symbol, segment
        if key not in self._tracks:
            if len(self._tracks) >= _MOST_TRACKS:
                self._tracks.clear()
            part = on_segment(request, segment)
            self._tracks[key] = Track.of(part, self._ground.part(part))
        return self._tracks[key]


@frozen(eq=False)
class Division:
    """How the returns of full runs are scored on splits.

    Attributes:
        splits: Returns the splits of so many returns.
        metric: The metric that scores them.
    """

    splits: Callable[[int], Sequence[FoldSplit]]
    metric: str


@quiet
def evaluate_block(
    entrants: Sequence[Entrant], tracks: Tracks, division: Division | None
) -> list[tuple[SegmentMetrics, ReturnsSketch | None, Scores] | None]:
    """Evaluate trials that have their company in common.

    Args:
        entrants: The trials.
        tracks: Gives the tracks of their segments.
        division: How the full runs are divided; None: not at all.

    Returns:
        Of each trial the metrics by segment, the sketch of the full run and its scores; None where
        only the simulation itself can carry it out.

    Raises:
        DataError: As `Tracks.on`, or of the splits.
    """
    base, segments, count = entrants[0].request, entrants[0].plan.segments, len(entrants)
    lanes = [tracks.on(base, segment) for segment in segments]
    orders = joined([orders_of(entrants, lane) for lane in lanes])
    costs = [one.costs for one in entrants] * len(lanes)
    fills = fill_orders(orders, costs, base.initial_capital)
    profits = profits_of(fills)
    sound = orders.is_apart.reshape(len(lanes), count).all(axis=0)
    sound &= all(lane.is_plain for lane in lanes)
    found: list[dict[str, Mapping[str, float | int | None]]] = [{} for _ in entrants]
    sketches: Sequence[ReturnsSketch | None] = [None] * count
    scores: Sequence[Scores] = [()] * count
    for number, (segment, lane) in enumerate(zip(segments, lanes, strict=True)):
        accounts = slice(number * count, (number + 1) * count)
        curves = draw_curves(fills, accounts, lane.close, base.initial_capital)
        sound &= curves.is_sound
        for metrics, own in zip(
            found, metrics_of(base, curves, lane, Traded(fills, profits), accounts), strict=True
        ):
            metrics[segment.name] = own
        if segment.name == FULL:
            returns = bar_returns(curves.value.T)
            sketches = sketches_of(returns - base.risk_free_rate / lane.periods)
            if division is not None:
                scores = _scores(returns, division, lane.periods, base.risk_free_rate)
    outcomes = zip(found, sketches, scores, strict=True)
    return [
        each if fine else None
        for each, fine in zip(outcomes, np.asarray(sound).tolist(), strict=True)
    ]


def _scores(
    returns: Floats, division: Division, periods: float, risk_free_rate: float
) -> Sequence[Scores]:
    """Score (T - 1, K) returns on every split, and return the scores of each of the K."""
    rows, metric = returns.T, division.metric

    def scored(part: Indices) -> list[float | None]:
        # `take`, unlike an index, leaves each curve in one piece.
        found = score(metric, rows.take(part, axis=1).T, periods, risk_free_rate)
        return [plain(number) for number in np.asarray(found).tolist()]

    pairs = [
        zip(scored(split.train), scored(split.test), strict=True)
        for split in division.splits(len(returns))
    ]
    return list(zip(*pairs, strict=True))
