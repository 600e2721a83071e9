"""The laws that the log of every run keeps, and the function that checks them.

The log of an optimization's attempt keeps the same laws, over its own lifecycle table.

1. `event_id` runs 1, 2, 3 … with no gap.
2. The first event is `state: queued`; of an attempt, `state: pending`.
3. There is exactly one terminal `state` event, and it is last.
4. Timestamps never go back.
5. Folding the log follows the lifecycle table.
6. What one chain of cursors received is a prefix of the log: these laws hold for it, except that
   the end may be missing.
7. Without timestamps and run id, the log of a run that was not cancelled depends only on request,
   data and package version. `essence` strips what may differ.
8. The terminal event carries the number of events and a SHA-256 over the bytes of all before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal

from glowback_trio.errors import InvalidTransitionError, LogError
from glowback_trio.model.events import Event
from glowback_trio.model.lifecycle import TRANSITIONS, transition
from glowback_trio.model.optimization.lifecycle import OPTIMIZATION_TRANSITIONS

__all__ = ["Digest", "assert_sound", "essence"]


class Digest:
    """A running SHA-256 over event bytes joined by newlines."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._separator = b""

    def add(self, data: bytes) -> None:
        """Add the bytes of the next event."""
        # No event contains a newline, so no other log joins to the same bytes.
        self._sha.update(self._separator)
        self._sha.update(data)
        self._separator = b"\n"

    def __str__(self) -> str:
        return f"sha256:{self._sha.hexdigest()}"


Kind = Literal["run", "optimization"]
_TABLES: Mapping[Kind, Mapping[Any, Mapping[str, Any]]] = {
    "run": TRANSITIONS,
    "optimization": OPTIMIZATION_TRANSITIONS,
}


def assert_sound(events: Iterable[Event], *, ended: bool = True, kind: Kind = "run") -> None:
    """Check that a log keeps the laws.

    Args:
        events: The log from its first event on, in order.
        kind: Whether it is the log of a run, or of an attempt of an optimization.
        ended: True if the terminal event must be among them. False checks a prefix, such as a
            client has when it was disconnected.

    Raises:
        LogError: A law is broken; the message says which one, and at which event.
    """
    # The fields are compared with the decoded bytes, which are what a client receives.
    log = [(event.event_id, event.data, event.decode()) for event in events]
    table, state = _TABLES[kind], None
    terminal = {each for each, steps in table.items() if not steps}
    latest, digest = "", Digest()
    for index, (event_id, data, fields) in enumerate(log, start=1):
        _hold(event_id == index == fields["event_id"], 1, index, f"its id is {event_id}")
        _hold(fields["run_id"] == log[0][2]["run_id"], 1, index, "it belongs to another run")
        _hold(state not in terminal, 3, index, f"it comes after the end ({state})")
        _hold(fields["timestamp"] >= latest, 4, index, f"{fields['timestamp']} is before {latest}")
        latest = fields["timestamp"]
        state = _walk(table, state, fields, index)
        if state in terminal:
            _check_end(fields["payload"], index, digest)
        digest.add(data)
    _hold(not ended or state in terminal, 3, len(log), f"the log ends while {state}")


def _walk(
    table: Mapping[Any, Mapping[str, Any]],
    state: StrEnum | None,
    fields: Mapping[str, Any],
    index: int,
) -> StrEnum:
    kind = fields["type"]
    trigger = fields["payload"]["state"] if kind == "state" else kind
    try:
        after: StrEnum = transition(table, state, trigger)
    except InvalidTransitionError as error:
        raise LogError(f"law {2 if index == 1 else 5}, event {index}: {error}") from None
    return after


def _check_end(payload: Mapping[str, Any], index: int, digest: Digest) -> None:
    _hold(payload["event_count"] == index, 8, index, f"it counts {payload['event_count']} events")
    _hold(payload["digest"] == str(digest), 8, index, f"its digest is not {digest}")


def _hold(condition: object, law: int, index: int, complaint: str) -> None:
    if not condition:
        raise LogError(f"law {law}, event {index}: {complaint}")


def essence(events: Sequence[Event]) -> list[tuple[str, Any]]:
    """Return what law 7 compares: types and payloads, without the digest over timestamps."""
    return [
        (event.type, {k: v for k, v in event.payload.items() if k != "digest"}) for event in events
    ]
