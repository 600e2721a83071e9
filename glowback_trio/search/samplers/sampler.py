"""The protocol of samplers: they are asked for candidates, and told their outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from glowback_trio.model.optimization.trial import Trial

__all__ = ["Candidate", "Sampler", "Score"]

#: A trial's worth: one number for each objective that is kept apart; the greatest is best.
Score = tuple[float, ...]


@frozen
class Candidate:
    """A candidate: parameters to try next.

    Attributes:
        parameters: What is chosen, by the names of the search space.
        budget: The part of the range to try it on, as a fraction.
    """

    parameters: dict[str, object]
    budget: float = 1.0


class Sampler(Protocol):
    """A way to choose parameters, which depends on nothing but its seed and what it is told."""

    @property
    def learns(self) -> bool:
        """True if a batch depends on the outcomes of those before, so `ask` waits for `tell`."""

    @property
    def total(self) -> int:
        """Candidates that there will be, at most."""

    @property
    def refused(self) -> Sequence[str]:
        """Sentences on the combinations that are left out from the beginning."""

    @property
    def shortfall(self) -> str:
        """Say why there were fewer candidates than there could be; empty if there were not."""

    def ask(self) -> Sequence[Candidate]:
        """Return the next batch; empty if there is none left."""

    def retake(self, trials: Sequence[Trial]) -> int:
        """Take trials as the next batch, as if they had been asked for, if that is less work.

        Args:
            trials: All trials that were told before a restart and are not taken yet.

        Returns:
            How many of them make the batch; 0 if the sampler would rather be asked.
        """

    def tell(self, trials: Sequence[Trial], scores: Sequence[Score | None]) -> None:
        """Take what came of the last batch.

        Args:
            trials: Its trials, in the order of the batch.
            scores: Their scores; None for a trial that failed, is undefined or breaks a constraint.
        """
