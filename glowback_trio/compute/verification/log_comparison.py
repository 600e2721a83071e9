"""Comparing a finished log with the events that the run has now, computed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from attrs import define, field

from glowback_trio.compute.steps import Failed
from glowback_trio.compute.verification.differences import differences
from glowback_trio.model.events import Event, EventDraft
from glowback_trio.model.lifecycle import INTERRUPTED, QUEUED_PAYLOAD, State
from glowback_trio.wire.exports.log_checks import payload_of
from glowback_trio.wire.exports.verdict import Difference

__all__ = ["DiffersError", "LogComparison"]


class DiffersError(Exception):
    """Raised inside a verification, where the first difference is found.

    Args:
        difference: The difference.
    """

    def __init__(self, difference: Difference) -> None:
        super().__init__(difference.message)
        self.difference = difference


@define(eq=False)
class LogComparison:
    """A finished log, compared event by event with what is computed.

    Args:
        events: The whole log, which keeps the laws.
    """

    _events: Sequence[Event]
    #: How many events are the same so far.
    same: int = field(default=0, init=False)
    _end: Mapping[str, Any] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._end = self._events[-1].payload
        first: list[Mapping[str, Any]] = [QUEUED_PAYLOAD, {"state": State.RUNNING, "error": None}]
        for expected in first[: len(self._events) - 1]:
            self._compare("state", orjson.dumps(expected))

    @property
    def stopped(self) -> bool:
        """True if the run was ended from outside: only the events until then are compared."""
        ended = self._end["state"]
        return ended == State.CANCELLED or self._end.get("error") == INTERRUPTED

    @property
    def over(self) -> bool:
        """True once all but the terminal event is compared."""
        return self.same == len(self._events) - 1

    def compare(self, drafts: Sequence[EventDraft]) -> None:
        """Compare the next events.

        Raises:
            DiffersError: One differs.
        """
        for draft in drafts:
            if not self.over:
                self._compare(draft.type, draft.payload)
            elif self.stopped:
                return
            else:
                raise self._differs("type", self._events[-1].type, draft.type)

    def _compare(self, kind: str, payload: bytes) -> None:
        event = self._events[self.same]
        if event.type != kind:
            raise self._differs("type", event.type, kind)
        if payload_of(event) != payload:
            found = next(differences(event.payload, orjson.loads(payload), "payload"), None)
            if found is None:
                raise self._differs("payload", "the same values", "written otherwise")
            raise self._differs(found.field, found.then, found.now)
        self.same += 1

    def check_end(self, failed: Failed | None) -> None:
        """Compare the end.

        Args:
            failed: How the run ends now; None if it completes.

        Raises:
            DiffersError: It ended otherwise.
        """
        if not self.over:
            then = self._events[self.same].type
            raise self._differs("type", then, f"the end: {failed.error}" if failed else "the end")
        now = State.COMPLETED if failed is None else State.FAILED
        ends = {"state": now, "error": None if failed is None else failed.error}
        for found in differences({name: self._end.get(name) for name in ends}, ends, "payload"):
            raise self._differs(found.field, found.then, found.now)
        self.same += 1

    def _differs(self, place: str, then: Any, now: Any) -> DiffersError:
        event_id = self.same + 1
        message = f"Event {event_id} differs: {place} was {then!r:.100}, and is {now!r:.100} now"
        return DiffersError(
            Difference(
                part="events", message=message, event_id=event_id, field=place, then=then, now=now
            )
        )
