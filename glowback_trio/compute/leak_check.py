"""The job that checks whether a strategy looks ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen

from glowback_trio.compute.job import attempted
from glowback_trio.compute.steps import Answered, Failed, Progressed, Step
from glowback_trio.data import Source
from glowback_trio.engine.lookahead.check import leak_check
from glowback_trio.errors import VerificationError
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.short_repr import describe, listed
from glowback_trio.model.strategies.leak_report import LeakReport

__all__ = ["LeakCheckJob", "leak_report_of"]


@frozen(repr=False)
class LeakCheckJob:
    """A leak check, waiting to be carried out. Its last step is `Answered` with a `LeakReport`.

    Attributes:
        request: The strategy, and the run it is checked in.
        source: Where its bars come from.
        cuts: At how many bars the later ones are taken away.
    """

    request: BacktestRequest
    source: Source
    cuts: int

    def __repr__(self) -> str:
        return describe(self, self.request.strategy.name, listed(self.request.symbols))

    def steps(self, checkpoint: Callable[[], object]) -> Iterator[Step]:
        """Check the strategy step by step; what goes wrong in it is a step too.

        Args:
            checkpoint: As for a backtest.
        """
        return attempted(self._check(checkpoint))

    def _check(self, checkpoint: Callable[[], object]) -> Iterator[Step]:
        dataset = self.source.load(self.request, checkpoint)
        yield Progressed()
        work = leak_check(self.request, dataset, self.cuts, checkpoint)
        while True:
            try:
                next(work)
            except StopIteration as ended:
                yield Answered(ended.value)
                return
            yield Progressed()


def leak_report_of(last: object) -> LeakReport:
    """Return the report that the last step of a leak check holds.

    Raises:
        VerificationError: It has none: the strategy cannot be checked.
    """
    match last:
        case Answered(LeakReport() as report):
            return report
        case Failed(error):
            raise VerificationError(f"The strategy cannot be checked: {error}")
        case _:
            raise VerificationError("The strategy cannot be checked: nothing came of it")
