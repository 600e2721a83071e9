"""One run's work, cut into steps: load the bars, simulate slice by slice, hand over the result.

How the work is sliced changes nothing of what it yields, only how soon it can be stopped and how
often others get their turn.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from attrs import frozen

from glowback_trio.data import Source
from glowback_trio.engine import Simulation
from glowback_trio.errors import GlowbackError
from glowback_trio.model.events import EventDraft
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result

__all__ = ["Done", "Failed", "Job", "Progressed", "Step", "work"]

_log = logging.getLogger(__name__)

# A slice of this many symbol-bars keeps a worker thread for some ten milliseconds: long beside the
# hop between threads, short beside a person's patience with a cancelled run.
_SLICE_SYMBOL_BARS = 20_000
_SLICE_MIN_BARS = 50


@frozen
class Progressed:
    """Some bars are done; this is what they have to tell. Often nothing."""

    drafts: Sequence[EventDraft] = ()


@frozen
class Done:
    """All bars are done."""

    result: Result


@frozen
class Failed:
    """Strategy, data or arithmetic gave up; the sentence is for the run's owner."""

    error: str


Step = Progressed | Done | Failed

#: A run's work, waiting for the checkpoint of whoever carries it out.
Job = Callable[[Callable[[], object]], Iterator[Step]]


def work(
    request: BacktestRequest, source: Source, checkpoint: Callable[[], object]
) -> Iterator[Step]:
    """Do a run's work step by step; the last step is `Done` or `Failed`.

    Args:
        request: What is asked.
        source: Where its bars come from.
        checkpoint: Called now and then within long steps; what it raises ends the work.
    """
    try:
        yield from _simulate(request, source, checkpoint)
    except GlowbackError as error:
        yield Failed(str(error))
    except Exception as error:  # noqa: BLE001 - whatever a strategy does wrong ends its own run alone
        _log.exception("A simulation failed unexpectedly")
        yield Failed(f"The simulation failed unexpectedly ({type(error).__name__})")


def _simulate(
    request: BacktestRequest, source: Source, checkpoint: Callable[[], object]
) -> Iterator[Step]:
    dataset = source.load(request, checkpoint)
    yield Progressed()
    simulation = Simulation(request, dataset, checkpoint)
    size = max(_SLICE_MIN_BARS, _SLICE_SYMBOL_BARS // len(request.priced))
    while not simulation.finished:
        yield Progressed(simulation.advance(size))
    yield Done(simulation.result())
