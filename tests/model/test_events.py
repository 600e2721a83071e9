"""Events: the canonical bytes, and the fields decoded from them.

Doctrine: the bytes are the event; a field is what they say.
"""

from __future__ import annotations

from datetime import UTC, datetime

from glowback_trio.model.events import encode


def test_the_fields_of_an_event_are_those_of_its_bytes() -> None:
    event = encode(7, "run-1", "log", "2026-01-05T09:30:00.123456Z", b'{"level":"info"}')
    assert event.timestamp == datetime(2026, 1, 5, 9, 30, 0, 123456, UTC)
    assert event.payload == {"level": "info"}
    assert event.decode() == {
        "event_id": event.event_id,
        "run_id": "run-1",
        "type": event.type,
        "timestamp": "2026-01-05T09:30:00.123456Z",
        "payload": event.payload,
    }
