"""The verdict of a verification: the same, or where it first differs; as a value and a document."""

from __future__ import annotations

import math
from typing import Any, Literal

import attrs
from attrs import frozen

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.short_repr import describe
from glowback_trio.wire.converter import Document

__all__ = ["Difference", "Part", "Verdict", "parse_verdict", "verdict_document"]

Part = Literal["log", "request", "bars", "events", "result", "page"]

_LONGEST_TEXT = 200


@frozen(kw_only=True, repr=False)
class Difference:
    """The first place where a run, computed again, differs from what is stored of it.

    Attributes:
        part: What was compared: the log with its digest, the request with the manifest, the bars,
            the events, the result; of a report also its page. They are compared in this order.
        message: The difference as a sentence.
        symbol: The symbol whose bars differ, where it is about one.
        event_id: The event, where it is about one.
        field: The place in the request, in the event or in the result, such as `curve.value[7]`.
        then: The stored value, or a short text for one that is no JSON scalar.
        now: The value that was found now, likewise.
    """

    part: Part
    message: str
    symbol: str | None = None
    event_id: int | None = None
    field: str | None = None
    then: Any = None
    now: Any = None

    def __repr__(self) -> str:
        return describe(self, self.part, self.message, then=self.then, now=self.now)


@frozen(kw_only=True, repr=False)
class Verdict:
    """The outcome of a verification.

    Attributes:
        run_id: The run.
        difference: The first difference; None if there is none.
        symbols: Number of symbols whose bars are the same.
        events: Number of events that are the same.
        computed_then_by: Version of the package that had computed the run; None if no result says.
        computed_now_by: Version of the package that has computed it now.
    """

    run_id: str
    difference: Difference | None
    symbols: int
    events: int
    computed_then_by: str | None
    computed_now_by: str

    @property
    def same(self) -> bool:
        """True if nothing differs."""
        return self.difference is None

    def __repr__(self) -> str:
        found = "same" if self.difference is None else self.difference.message
        return describe(self, self.run_id, found, events=self.events)


def verdict_document(verdict: Verdict) -> Document:
    """Write a verdict as a document."""
    document = attrs.asdict(verdict)
    if (difference := document["difference"]) is not None:
        difference["then"] = _scalar(difference["then"])
        difference["now"] = _scalar(difference["now"])
    return {"run_id": verdict.run_id, "same": verdict.same, **document}


def _scalar(value: Any) -> Any:
    """Return a value that JSON has a word for, and that is short."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    text = str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def parse_verdict(document: Any) -> Verdict:
    """Read a verdict as `verdict_document` writes it; unknown fields are ignored.

    Raises:
        InvalidRequestError: It is none.
    """
    try:
        found = document["difference"]
        difference = None if found is None else Difference(**_known(Difference, found))
        return Verdict(**{**_known(Verdict, document), "difference": difference})
    except (KeyError, TypeError) as error:
        problem = Problem("value_error", (), f"Input should be a verdict ({error!r})")
        raise InvalidRequestError([problem]) from None


def _known(cls: type[Any], document: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in attrs.fields(cls)}
    return {name: value for name, value in document.items() if name in names}
