"""The jobs of an optimization. A job that carries bars maps those that its worker has already."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from attrs import field, frozen

from glowback_trio.compute.job import attempted
from glowback_trio.compute.steps import Answered, Progressed, Step
from glowback_trio.data import Source
from glowback_trio.engine.trials.evaluation import evaluate_in_turns
from glowback_trio.engine.trials.plan import TrialOutcome, TrialPlan
from glowback_trio.model.bars import Dataset
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.short_repr import counted, describe, listed

__all__ = ["LoadJob", "TrialsJob"]


@frozen(repr=False)
class LoadJob:
    """The loading of bars. Its last step is `Answered` with the `Dataset`.

    An optimization loads once. Its trials then run on the same bars, whatever becomes of the files
    in the meantime.

    Attributes:
        request: Names the symbols and the range.
        source: Where the bars come from.
    """

    request: BacktestRequest
    source: Source

    def __repr__(self) -> str:
        return describe(self, listed(self.request.symbols))

    def steps(self, checkpoint: Callable[[], object]) -> Iterator[Step]:
        """Load the bars.

        Args:
            checkpoint: Called before each symbol.
        """
        return attempted(self._load(checkpoint))

    def _load(self, checkpoint: Callable[[], object]) -> Iterator[Step]:
        yield Answered(self.source.load(self.request, checkpoint))


@frozen(repr=False)
class TrialsJob:
    """Some trials of an optimization. Its last step is `Answered` with their outcomes.

    Attributes:
        base: The request that their parameters are put into.
        dataset: The bars that a `LoadJob` has loaded.
        plans: The trials.
        objective: The metric that splits are scored by.
    """

    base: BacktestRequest
    dataset: Dataset = field(repr=False)
    plans: Sequence[TrialPlan]
    objective: str = "sharpe_ratio"

    def __repr__(self) -> str:
        return describe(self, counted(len(self.plans), "trial"))

    def steps(self, checkpoint: Callable[[], object]) -> Iterator[Step]:
        """Evaluate the trials, some ten milliseconds of work to a step.

        A trial that fails is an outcome. The job fails only where the bars cannot be used at all.

        Args:
            checkpoint: Called within long steps.
        """
        return attempted(self._evaluate(checkpoint))

    def _evaluate(self, checkpoint: Callable[[], object]) -> Iterator[Step]:
        found: list[TrialOutcome] = []
        turns = evaluate_in_turns(
            self.base,
            self.dataset,
            self.plans,
            objective=self.objective,
            checkpoint=checkpoint,
            clock=time.perf_counter,
        )
        for outcomes in turns:
            found += outcomes
            yield Progressed()
        yield Answered(tuple(found))
