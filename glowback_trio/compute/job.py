"""One run's work, cut into steps: load the bars, simulate slice by slice, hand over the result.

How the work is sliced changes nothing of what it yields, only how soon it can be stopped and how
often others get their turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from attrs import frozen

from glowback_trio.border import faults_of
from glowback_trio.compute.log_budget import within_budget
from glowback_trio.compute.result_budget import MOST_RESULT_BYTES, within_result_budget
from glowback_trio.compute.steps import LONGEST_SENTENCE, Done, Failed, Progressed, Step
from glowback_trio.compute.tracebacks import traceback_text
from glowback_trio.data import Source
from glowback_trio.engine import Simulation
from glowback_trio.errors import GlowbackError
from glowback_trio.model.bars import Dataset
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.short_repr import describe, listed
from glowback_trio.model.strategies.foreign import text_of

__all__ = ["BacktestJob", "Job", "attempted", "simulated"]

# A slice of this many symbol-bars keeps a worker thread for some ten milliseconds: long
# compared with a switch between threads, short for a person who waits for a cancelled run to end.
_SLICE_SYMBOL_BARS = 20_000
_SLICE_MIN_BARS = 50


class Job(Protocol):
    """Work that yields steps. A plain value, so that it can be sent where it is carried out."""

    def steps(self, checkpoint: Callable[[], object]) -> Iterator[Step]:
        """Do the work step by step; the last step is `Done`, `Answered` or `Failed`.

        Args:
            checkpoint: Called now and then within long steps; what it raises ends the work.
        """


@frozen(repr=False)
class BacktestJob:
    """A backtest, waiting to be carried out.

    It pickles whenever its source and the request's strategy do: a catalogue of files does, and a
    custom strategy whose class can be imported.

    Attributes:
        request: The backtest.
        source: Where its bars come from.
        max_log_bytes: How many bytes of memory its events may take, roughly; None: any number.
        max_result_bytes: How many bytes the arrays of its result may take.
    """

    request: BacktestRequest
    source: Source
    max_log_bytes: int | None = 1 << 28
    max_result_bytes: int = MOST_RESULT_BYTES

    def __repr__(self) -> str:
        return describe(self, self.request.strategy.name, listed(self.request.symbols))

    def steps(self, checkpoint: Callable[[], object]) -> Iterator[Step]:
        """Do the backtest; what goes wrong in it is a step too.

        Args:
            checkpoint: Called before each symbol is loaded, and within slices.
        """
        steps = within_result_budget(attempted(self._simulate(checkpoint)), self.max_result_bytes)
        return steps if self.max_log_bytes is None else within_budget(steps, self.max_log_bytes)

    def _simulate(self, checkpoint: Callable[[], object]) -> Iterator[Step]:
        dataset = self.source.load(self.request, checkpoint)
        yield Progressed()  # loading may have taken seconds: a chance to be cancelled
        yield from simulated(self.request, dataset, checkpoint)


def attempted(steps: Iterator[Step]) -> Iterator[Step]:
    """Pass on steps, and turn whatever goes wrong into the last one."""
    # Steps leave outside the `try`: a `GeneratorExit` in there is of the job, and not its closing.
    while (step := _attempted(steps)) is not None:
        yield step
        if isinstance(step, Failed):
            return


def _attempted(steps: Iterator[Step]) -> Step | None:
    try:
        return next(steps, None)
    except GlowbackError as error:
        return Failed(text_of(error, LONGEST_SENTENCE), traceback_text(error.__cause__))
    # Strategies and sources may be code of others, which raises anything.
    except BaseException as error:
        if not faults_of(error):
            raise  # a cancellation of the run
        sentence = f"The simulation failed unexpectedly ({type(error).__name__})"
        return Failed(sentence, traceback_text(error))


def simulated(
    request: BacktestRequest, dataset: Dataset, checkpoint: Callable[[], object]
) -> Iterator[Step]:
    """Simulate slice by slice; the last step is `Done`.

    Args:
        request: The backtest.
        dataset: Its bars.
        checkpoint: Called now and then within slices.
    """
    simulation = Simulation(request, dataset, checkpoint)
    size = max(_SLICE_MIN_BARS, _SLICE_SYMBOL_BARS // len(request.priced))
    while not simulation.finished:
        yield Progressed(simulation.advance(size), simulation.result_bytes)
    yield Done(simulation.result())
