"""Check a log that came from outside: its laws, and that its bytes are as a run writes them."""

from __future__ import annotations

import re
from datetime import datetime

from glowback_trio.errors import LogError
from glowback_trio.model.events import Event
from glowback_trio.model.invariants import assert_sound
from glowback_trio.model.lifecycle import State
from glowback_trio.wire.exports.run_export import RunExport

__all__ = ["RUN_ID", "check_log", "payload_of"]

#: The form of a run's id.
RUN_ID = re.compile(r"[A-Za-z0-9-]{1,128}")

# The bytes before the payload, which is an object.
_FORM = re.compile(
    rb'\{"event_id":[0-9]+,"run_id":"([A-Za-z0-9-]+)","type":"[a-z]+",'
    rb'"timestamp":"([0-9T:.-]+Z)","payload":\{.*\}\}'
)
_PAYLOAD = b'"payload":'


def check_log(export: RunExport) -> list[Event]:
    """Return the events of an export, after checking that they are the whole log of its run.

    Raises:
        LogError: A law is broken, an event is not as a run writes it, or it is another run's.
        DamagedError: A line is no event.
    """
    if not RUN_ID.fullmatch(export.run_id):
        raise LogError("the id of the run should be letters, digits and hyphens")
    events = export.events
    for event in events:
        _check_form(event, export.run_id)
    try:
        assert_sound(events)
    except (KeyError, TypeError, ValueError) as error:  # no JSON, or not what every event has
        raise LogError(f"an event lacks something: {error!r}") from error
    completed = events[-1].payload["state"] == State.COMPLETED
    if completed != (export.result is not None):
        raise LogError("a run that has completed has a result, and no other one has")
    return events


def _check_form(event: Event, run_id: str) -> None:
    """Check that the bytes are as `encode` writes them, as far as `assert_sound` does not."""
    form = _FORM.fullmatch(event.data)
    try:
        # A carriage return, which JSON allows between tokens, would end a line of a stream.
        is_right = form is not None and b"\r" not in event.data
        if form is not None:
            datetime.fromisoformat(form[2].decode())
            is_right = is_right and form[1].decode() == run_id
    except ValueError:
        is_right = False
    if not is_right:
        raise LogError(f"event {event.event_id} of run {run_id} is not as a run writes it")


def payload_of(event: Event) -> bytes:
    """Return the payload of an event as JSON, without decoding it."""
    # Before the payload stand an id, a name and a time, none of which can hold a quotation mark.
    return event.data[event.data.index(_PAYLOAD) + len(_PAYLOAD) : -1]
