"""A block of trials of one strategy, evaluated together on all their segments."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence

import numpy as np
from attrs import define, field, frozen

from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch
from glowback_trio.engine.analytics.metrics import plain_each
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.kernel.choice import chosen
from glowback_trio.engine.trials.company.arrays import by_arrays
from glowback_trio.engine.trials.company.entrants import Entrant
from glowback_trio.engine.trials.company.measures import metrics_of
from glowback_trio.engine.trials.company.survey import Survey
from glowback_trio.engine.trials.company.swept import by_kernel
from glowback_trio.engine.trials.company.track import Track
from glowback_trio.engine.trials.ground import Ground, on_segment
from glowback_trio.engine.trials.metric_names import score
from glowback_trio.engine.trials.plan import FULL, Segment
from glowback_trio.engine.trials.splits import FoldSplit
from glowback_trio.model.bars import Floats, Indices
from glowback_trio.model.request import BacktestRequest

__all__ = ["Division", "Tracks", "TrialFindings", "evaluate_block"]

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
    base, segments = entrants[0].request, entrants[0].plan.segments
    lanes = [tracks.on(base, segment) for segment in segments]
    kernel = chosen()
    surveys = by_arrays(entrants, lanes) if kernel is None else by_kernel(kernel, entrants, lanes)
    found = [TrialFindings() for _ in entrants]
    sound = np.full(len(entrants), all(lane.is_plain for lane in lanes))
    for survey in surveys:
        if survey is not None:
            segment, lane, own = segments[survey.lane], lanes[survey.lane], found[survey.trials]
            sound[survey.trials] &= survey.is_sound
            measured = metrics_of(base, survey.accounts, lane)
            for one, metrics in zip(own, measured, strict=True):
                one.metrics[segment.name] = metrics
            if segment.name == FULL:
                _note_returns(own, survey, base.risk_free_rate, lane, division)
        yield ()
    return [own if fine else None for own, fine in zip(found, sound.tolist(), strict=True)]


@quiet
def _note_returns(
    found: Sequence[TrialFindings],
    survey: Survey,
    risk_free_rate: float,
    track: Track,
    division: Division | None,
) -> None:
    """Keep the sketches of the full runs, and score their returns on the splits."""
    for own, sketch in zip(found, survey.sketches(), strict=True):
        own.sketch = sketch
    if division is not None:
        scores = _scores(survey.returns, division, track.periods, risk_free_rate)
        for own, pairs in zip(found, scores, strict=True):
            own.scores = pairs


def _scores(
    returns: Floats, division: Division, periods: float, risk_free_rate: float
) -> Sequence[Scores]:
    """Score (K, T - 1) returns on every split, and return the scores of each of the K."""
    rows, metric = returns, division.metric

    def scored(part: Indices) -> list[float | None]:
        # `take`, unlike an index, leaves each curve in one piece.
        found = score(metric, rows.take(part, axis=1).T, periods, risk_free_rate)
        return plain_each(found)

    pairs = [
        zip(scored(split.train), scored(split.test), strict=True)
        for split in division.splits(rows.shape[1])
    ]
    return list(zip(*pairs, strict=True))
