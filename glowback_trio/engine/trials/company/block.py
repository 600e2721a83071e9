"""A block of trials of one strategy, evaluated together on all their segments."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

import numpy as np
from attrs import define, field, frozen

from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch, sketches_of
from glowback_trio.engine.analytics.metrics import plain_each
from glowback_trio.engine.analytics.returns import bar_returns
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.trials.company.curves import Curves, draw_curves
from glowback_trio.engine.trials.company.entrants import Entrant
from glowback_trio.engine.trials.company.fills import fill_orders
from glowback_trio.engine.trials.company.measures import ledgers_of, metrics_of
from glowback_trio.engine.trials.company.orders import Orders, joined, orders_of
from glowback_trio.engine.trials.company.track import Track
from glowback_trio.engine.trials.ground import Ground, on_segment
from glowback_trio.engine.trials.metric_names import score
from glowback_trio.engine.trials.plan import FULL, Segment
from glowback_trio.engine.trials.splits import FoldSplit
from glowback_trio.model.bars import Floats, Indices
from glowback_trio.model.request import BacktestRequest

__all__ = ["Division", "Tracks", "TrialFindings", "evaluate_block"]

# Cells of curves that are worked on at once, a megabyte to an array; and orders that are carried
# out at once, of a quarter of a kilobyte each.
_CELLS, _MOST_ORDERS = 1 << 17, 1 << 18
_MOST_TRACKS = 64  # kept at once: where symbols are chosen there may be any number

Scores = Sequence[tuple[float | None, float | None]]


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


@define(eq=False)
class TrialFindings:
    """The measurements of one trial.

    Attributes:
        metrics: By segment.
        sketch: Of the full run's returns; None without a full run.
        scores: By split; empty without splits.
    """

    metrics: dict[str, Mapping[str, float | int | None]] = field(factory=dict)
    sketch: ReturnsSketch | None = None
    scores: Scores = ()


@frozen(eq=False)
class Division:
    """The scoring of the returns of full runs on splits.

    Attributes:
        splits: Returns the splits of so many returns.
        metric: The metric that scores them.
    """

    splits: Callable[[int], Sequence[FoldSplit]]
    metric: str


def evaluate_block(
    entrants: Sequence[Entrant], tracks: Tracks, division: Division | None
) -> Generator[tuple[()], None, list[TrialFindings | None]]:
    """Evaluate trials that go with each other, and yield nothing every few milliseconds.

    Args:
        entrants: The trials.
        tracks: Gives the tracks of their segments.
        division: How the full runs are divided; None: not at all.

    Returns:
        What was found of each trial; None where only the simulation itself can carry it out.

    Raises:
        DataError: As `Tracks.on`, or of the splits.
    """
    base, segments, count = entrants[0].request, entrants[0].plan.segments, len(entrants)
    lanes = [tracks.on(base, segment) for segment in segments]
    made: list[Orders] = []
    for lane in lanes:
        for some in _groups(count, lane):
            made.append(orders_of(entrants[some], lane))
            yield ()
    orders = joined(made)
    if len(orders.due) > _MOST_ORDERS and count > 1:
        del made, orders
        first = yield from evaluate_block(entrants[: count // 2], tracks, division)
        rest = yield from evaluate_block(entrants[count // 2 :], tracks, division)
        return [*first, *rest]
    costs = [one.costs for one in entrants] * len(lanes)
    fills = fill_orders(orders, costs, base.initial_capital)
    ledgers = ledgers_of(fills)
    sound = np.asarray(orders.is_apart.reshape(len(lanes), count).all(axis=0))
    found = [TrialFindings() for _ in entrants]
    for number, (segment, lane) in enumerate(zip(segments, lanes, strict=True)):
        sound &= lane.is_plain
        for some in _groups(count, lane):
            yield ()
            accounts = slice(number * count + some.start, number * count + some.stop)
            curves = draw_curves(fills, accounts, lane.close, base.initial_capital)
            sound[some] &= curves.is_sound
            measured = metrics_of(base, curves, lane, ledgers.some(accounts))
            for own, metrics in zip(found[some], measured, strict=True):
                own.metrics[segment.name] = metrics
            if segment.name == FULL:
                _note_returns(found[some], base, curves, lane, division)
    return [own if fine else None for own, fine in zip(found, sound.tolist(), strict=True)]


def _groups(count: int, track: Track) -> Iterator[slice]:
    """Divide trials into groups whose curves stay near the processor."""
    most = max(1, _CELLS // len(track))
    for first in range(0, count, most):
        yield slice(first, min(first + most, count))


@quiet
def _note_returns(
    found: Sequence[TrialFindings],
    base: BacktestRequest,
    curves: Curves,
    track: Track,
    division: Division | None,
) -> None:
    """Sketch the returns of the full runs, and score them on the splits."""
    returns, free = bar_returns(curves.value.T), base.risk_free_rate
    for own, sketch in zip(found, sketches_of(returns - free / track.periods), strict=True):
        own.sketch = sketch
    if division is not None:
        scores = _scores(returns, division, track.periods, free)
        for own, pairs in zip(found, scores, strict=True):
            own.scores = pairs


def _scores(
    returns: Floats, division: Division, periods: float, risk_free_rate: float
) -> Sequence[Scores]:
    """Score (T - 1, K) returns on every split, and return the scores of each of the K."""
    rows, metric = returns.T, division.metric

    def scored(part: Indices) -> list[float | None]:
        # `take`, unlike an index, leaves each curve in one piece.
        found = score(metric, rows.take(part, axis=1).T, periods, risk_free_rate)
        return plain_each(found)

    pairs = [
        zip(scored(split.train), scored(split.test), strict=True)
        for split in division.splits(len(returns))
    ]
    return list(zip(*pairs, strict=True))
