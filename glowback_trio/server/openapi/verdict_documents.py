"""Typed dicts of what verifying a run answers."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from glowback_trio.model.bounds import Ge
from glowback_trio.server.openapi.documents import RunId
from glowback_trio.wire.exports.verdict import Part

__all__ = ["DifferenceDocument", "VerdictDocument"]


class DifferenceDocument(TypedDict):
    """The first place where a run, computed again, differs from what is stored of it.

    Attributes:
        part: What was compared.
        message: The difference as a sentence.
        symbol: The symbol whose bars differ; null if it is about none.
        event_id: The event; null if it is about none.
        field: The place in the request, the event or the result; null if there is none.
        then: The stored value, or a short text for one that is not a scalar.
        now: The value that was found now, likewise.
    """

    part: Part
    message: str
    symbol: str | None
    event_id: int | None
    field: str | None
    then: Any
    now: Any


class VerdictDocument(TypedDict):
    """The outcome of a verification.

    Attributes:
        same: Whether nothing differs.
        difference: The first difference; null if there is none.
        symbols: Number of symbols whose bars are the same.
        events: Number of events that are the same.
        computed_then_by: Version of the package that had computed the run; null if no result says.
        computed_now_by: Version of the package that has computed it now.
    """

    run_id: RunId
    same: bool
    difference: DifferenceDocument | None
    symbols: Annotated[int, Ge(0)]
    events: Annotated[int, Ge(0)]
    computed_then_by: str | None
    computed_now_by: str
