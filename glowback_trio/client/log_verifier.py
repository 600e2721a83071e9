"""What a chain of connections has received of one run's log, held against the log laws.

No I/O: bytes go in, events come out, and whatever is not the next piece of the log is an error.
"""

from __future__ import annotations

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
    """The position in a run's log that any number of connections have reached together.

    Attributes:
        run_id: The run.
        after: The id after which the chain began.
        filtered: Whether events are left out on purpose; then ids only have to rise.
        cursor: Id of the last event received.
        ended: Whether that was the terminal one, or there is none to come.
    """

    run_id: str
    after: int
    filtered: bool
    cursor: int = field(init=False)
    ended: bool = field(default=False, init=False)
    #: Over all events before the next one; None where they are not all received here.
    _digest: Digest | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.cursor = self.after
        self._digest = Digest() if self.after == 0 and not self.filtered else None

    def receive(self, data: bytes) -> Event:
        """Take the next event in.

        Raises:
            UnexpectedAnswerError: It is no event.
            LogError: It is not the next one of this run's log, or the terminal one's count or
                digest says that something is missing or was changed on the way.
        """
        event, fields = _decode(data)
        self._check_place(event, fields["run_id"])
        if event.type == "state" and fields["payload"].get("state") in TERMINAL:
            self._check_end(event, fields["payload"])
            self.ended = True
        if self._digest is not None:
            self._digest.add(data)
        self.cursor = event.event_id
        return event

    def close(self) -> None:
        """Take in that the server has nothing more to tell.

        Raises:
            LogError: The terminal event is missing.
        """
        # Whoever asks for what comes after the terminal event is told nothing, rightly.
        if not self.ended and (self.after == 0 or self.cursor > self.after):
            raise LogError(f"law 3: the stream ended after event {self.cursor}, before the run did")
        self.ended = True

    def _check_place(self, event: Event, run_id: str) -> None:
        if run_id != self.run_id:
            raise LogError(f"law 1: event {event.event_id} belongs to another run: {run_id!r}")
        if self.ended:
            raise LogError(f"law 3: event {event.event_id} came after the end")
        behind = event.event_id <= self.cursor
        if behind or (not self.filtered and event.event_id != self.cursor + 1):
            raise LogError(f"law 6: event {event.event_id} came after event {self.cursor}")

    def _check_end(self, event: Event, payload: dict[str, Any]) -> None:
        count, digest = payload.get("event_count"), payload.get("digest")
        if count != event.event_id:
            raise LogError(f"law 8: event {event.event_id} ends a log of {count!r} events")
        if self._digest is not None and digest != str(self._digest):
            raise LogError(f"law 8: the digest of what came is {self._digest}, not {digest!r}")


def _decode(data: bytes) -> tuple[Event, dict[str, Any]]:
    try:
        fields: dict[str, Any] = orjson.loads(data)
        numbered = type(fields["event_id"]) is int and isinstance(fields["run_id"], str)
        if numbered and fields["type"] in EVENT_TYPES and isinstance(fields["payload"], dict):
            return Event(fields["event_id"], fields["type"], data), fields
    except (orjson.JSONDecodeError, KeyError, TypeError):
        pass
    raise UnexpectedAnswerError(f"Input should be an event, not {data[:100]!r}") from None
