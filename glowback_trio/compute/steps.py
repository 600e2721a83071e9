"""The steps that a job yields while it is carried out, one frozen value after the other."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen

from glowback_trio.model.events import EventDraft
from glowback_trio.model.result import Result
from glowback_trio.model.short_repr import counted, describe
from glowback_trio.model.strategies.foreign import cut

__all__ = ["LONGEST_SENTENCE", "Answered", "Done", "Failed", "Progressed", "Step"]

#: Characters of the sentence that says why a run failed.
LONGEST_SENTENCE = 2_000


@frozen(repr=False)
class Progressed:
    """Some more bars are done.

    Attributes:
        drafts: Their events, often none.
        result_bytes: Bytes that the result takes so far, where that is known.
    """

    drafts: Sequence[EventDraft] = ()
    result_bytes: int = 0

    def __repr__(self) -> str:
        return describe(self, counted(len(self.drafts), "event"))


@frozen
class Done:
    """All bars are done."""

    result: Result


def _cut(sentence: str) -> str:
    # Texts of foreign errors are cut where they are read. This holds for whatever else a sentence
    # is made of.
    return cut(sentence, LONGEST_SENTENCE)


@frozen(repr=False)
class Failed:
    """Strategy, data or arithmetic gave up.

    Attributes:
        error: Why, as a sentence for the run's owner; cut after 2,000 characters.
        traceback: The traceback of an error in code that is not this package's, as text; empty
            where there is none. For the author of that code, never for clients. Text, because a
            step has to survive a pickle, and because a real traceback holds on to every frame.
        lost: True if the worker process has ended in the middle, by whatever fault.
    """

    error: str = field(converter=_cut)
    traceback: str = ""
    lost: bool = False

    def __repr__(self) -> str:
        return describe(self, error=self.error, traceback=bool(self.traceback))


@frozen(repr=False)
class Answered:
    """Work that is no backtest is done, such as a verification; this is what it has found."""

    answer: object

    def __repr__(self) -> str:
        return describe(self, repr(self.answer))


Step = Progressed | Done | Failed | Answered
