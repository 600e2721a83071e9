"""Check that a stream is a log: complete, in order and unchanged, by the log laws.

No I/O: bytes go in, events come out. Anything but the next event of the log is an error. The state
outlives connections, so that the check covers the whole stream and not just each connection.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson
from attrs import define, field

from glowback_trio.errors import LogError, UnexpectedAnswerError
from glowback_trio.model.events import EVENT_TYPES, Event
from glowback_trio.model.invariants import Digest
from glowback_trio.model.lifecycle import TERMINAL

__all__ = ["LogVerifier"]


@define(eq=False)
class LogVerifier:
    """The record of what one stream has received of a log, over all its connections.

    Attributes:
        run_id: Id of the run or the optimization.
        after: Id after which the stream began.
        filtered: True if the stream leaves out event types; then ids only have to rise.
        types: The types that events of this log have.
        cursor: Id of the last event received.
        ended: True after the terminal event, or if the server has no more events.
    """

    run_id: str
    after: int
    filtered: bool
    types: Collection[str] = EVENT_TYPES
    cursor: int = field(init=False)
    ended: bool = field(default=False, init=False)
    #: Digest of all events so far; None if the stream does not have them all, so that the digest in
    #: the terminal event cannot be compared.
    _digest: Digest | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.cursor = self.after
        self._digest = Digest() if self.after == 0 and not self.filtered else None

    def receive(self, data: bytes) -> Event:
        """Decode and check the next event.

        Raises:
            UnexpectedAnswerError: The bytes are not an event.
            LogError: The event is not the next one of this log; or the count or digest in the
                terminal event shows that an event was lost or changed on the way.
        """
        event, fields = _decode(data, self.types)
        self._check_place(event, fields["run_id"])
        if event.type == "state" and fields["payload"].get("state") in TERMINAL:
            self._check_end(event, fields["payload"])
            self.ended = True
        # The terminal event has the digest of the events before it, hence after the check.
        if self._digest is not None:
            self._digest.add(data)
        self.cursor = event.event_id
        return event

    def close(self) -> None:
        """Note that the server closed the stream regularly.

        Raises:
            LogError: The terminal event is missing.
        """
        # A stream that starts after the terminal event is rightly closed without any event.
        if not self.ended and (self.after == 0 or self.cursor > self.after):
            raise LogError(f"law 3: the stream ended after event {self.cursor}, before the log did")
        self.ended = True

    def _check_place(self, event: Event, run_id: str) -> None:
        if run_id != self.run_id:
            raise LogError(f"law 1: event {event.event_id} belongs to another log: {run_id!r}")
        if self.ended:
            raise LogError(f"law 3: event {event.event_id} came after the terminal event")
        behind = event.event_id <= self.cursor
        if behind or (not self.filtered and event.event_id != self.cursor + 1):
            raise LogError(f"law 6: event {event.event_id} came after event {self.cursor}")

    def _check_end(self, event: Event, payload: dict[str, Any]) -> None:
        number, count, digest = event.event_id, payload.get("event_count"), payload.get("digest")
        if count != number:
            raise LogError(
                f"law 8: event {number} is the last, but says the log has {count!r} events"
            )
        received = None if self._digest is None else str(self._digest)
        if received is not None and digest != received:
            raise LogError(
                f"law 8: the digest of the received events is {received}, not {digest!r}"
            )


def _decode(data: bytes, types: Collection[str]) -> tuple[Event, dict[str, Any]]:
    try:
        fields: dict[str, Any] = orjson.loads(data)
        # Not isinstance, which would accept true as a number.
        numbered = type(fields["event_id"]) is int and isinstance(fields["run_id"], str)
        if numbered and fields["type"] in types and isinstance(fields["payload"], dict):
            return Event(fields["event_id"], fields["type"], data), fields
    except (orjson.JSONDecodeError, KeyError, TypeError):
        pass
    raise UnexpectedAnswerError(f"Input should be an event, not {data[:100]!r}") from None
