"""The ground of a search: its bars, and the part of them that each segment runs on."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, evolve, field

from glowback_trio.engine.trials.plan import Segment
from glowback_trio.model.bars import Bars, Dataset
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.sessions.date_range import DateRange

__all__ = ["Ground", "on_segment"]

_MOST_PARTS = 32  # kept at once: where symbols are chosen there may be any number

_Key = tuple[DateRange, tuple[str, ...], tuple[str, ...], int]


def on_segment(request: BacktestRequest, segment: Segment) -> BacktestRequest:
    """Return a request for one segment of a request's range."""
    start, end = segment.start_date, segment.end_date
    if (start, end) == (request.start_date, request.end_date):
        return request
    return evolve(request, start_date=start, end_date=end)


@define(eq=False)
class Ground:
    """The bars of a search, and cuts of them, each made once.

    Args:
        dataset: The bars of all symbols that a trial may need, within the range of the search.
    """

    _dataset: Dataset
    _whole: Sequence[Bars] = field(init=False)
    _parts: dict[_Key, Dataset] = field(factory=dict, init=False)

    @_whole.default
    def _joined(self) -> Sequence[Bars]:
        """The bars of each symbol, with those for warming up before them."""
        earlier = {one.symbol: one for one in self._dataset.warmup}
        bars = self._dataset.bars
        return [one.after(earlier[one.symbol]) if one.symbol in earlier else one for one in bars]

    def part(self, request: BacktestRequest) -> Dataset:
        """Return the bars of one request, the same object for requests on the same bars.

        Quality is that of all bars, because a row that is no bar has no place in a part.
        """
        span = DateRange.of(request.start_date, request.end_date)
        key = (span, request.symbols, request.priced, request.warmup_bars)
        if (known := self._parts.get(key)) is not None:
            return known
        if len(self._parts) >= _MOST_PARTS:
            self._parts.clear()
        wanted = [one for one in self._whole if one.symbol in frozenset(request.priced)]
        parts = [span.parted(one, request.warmup_of(one.symbol)) for one in wanted]
        found = self._parts[key] = evolve(
            self._dataset,
            bars=[own for _, own in parts],
            warmup=[early for early, _ in parts if len(early)],
            quality=[one for one in self._dataset.quality if one.symbol in request.priced],
        )
        return found
