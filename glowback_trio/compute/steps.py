"""What a job yields while it is carried out, one frozen value after the other."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from glowback_trio.model.events import EventDraft
from glowback_trio.model.result import Result

__all__ = ["Done", "Failed", "Progressed", "Step"]


@frozen
class Progressed:
    """Some more bars are done; these are their events, often none."""

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
