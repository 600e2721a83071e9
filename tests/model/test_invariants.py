"""The laws of a log, and the function that checks them.

Doctrine: a sound log is spoiled in one way at a time, and the message has to name the broken law.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest

from glowback_trio.errors import LogError
from glowback_trio.model.events import Event, EventType, encode
from glowback_trio.model.invariants import Digest, assert_sound, essence


def event(number: int, kind: EventType, payload: object, second: int = 0) -> Event:
    stamp = f"2024-01-01T00:00:{second:02d}.000000Z"
    return encode(number, "run-1", kind, stamp, orjson.dumps(payload))


def sound_log() -> list[Event]:
    log = [
        event(1, "state", {"state": "queued", "message": "Run queued"}),
        event(2, "state", {"state": "running", "error": None}, 1),
        event(3, "progress", {"progress": 0.5}, 1),
    ]
    return [*log, terminal(log)]


def terminal(before: list[Event], **changes: object) -> Event:
    digest = Digest()
    for entry in before:
        digest.add(entry.data)
    payload = {
        "state": "completed",
        "error": None,
        "event_count": len(before) + 1,
        "digest": str(digest),
    }
    return event(len(before) + 1, "state", payload | changes, 2)


def test_a_sound_log_passes_whole_and_every_prefix_of_it_as_one() -> None:
    log = sound_log()
    assert_sound(log)
    for length in range(1, len(log)):
        assert_sound(log[:length], ended=False)


@pytest.mark.parametrize(
    ("law", "spoil"),
    [
        (1, lambda log: [*log[:1], *log[2:]]),
        (1, lambda log: [log[0], log[0], *log[1:]]),
        (1, lambda log: [log[1], log[0], *log[2:]]),
        (2, lambda log: [event(1, "state", {"state": "running"}), *log[1:]]),
        (3, lambda log: log[:-1]),
        (3, lambda log: [*log, event(5, "progress", {}, 3)]),
        (4, lambda log: [*log[:2], event(3, "progress", {"progress": 0.5}, 0), log[3]]),
        (5, lambda log: [log[0], event(2, "progress", {}, 1)]),
        (8, lambda log: [*log[:3], terminal(log[:3], event_count=3)]),
        (8, lambda log: [*log[:3], terminal(log[:3], digest="sha256:00")]),
        (8, lambda log: [*log[:2], event(3, "progress", {"progress": 0.6}, 1), log[3]]),
    ],
)
def test_each_broken_law_is_named(law: int, spoil: Callable[[list[Event]], list[Event]]) -> None:
    with pytest.raises(LogError, match=f"law {law}"):
        assert_sound(spoil(sound_log()))


def test_a_foreign_event_is_noticed() -> None:
    log = sound_log()
    foreign = encode(2, "run-2", "state", "2024-01-01T00:00:01.000000Z", b'{"state":"running"}')
    with pytest.raises(LogError, match="another run"):
        assert_sound([log[0], foreign], ended=False)


def test_essence_forgets_the_digest_and_nothing_else() -> None:
    kinds = [kind for kind, _ in essence(sound_log())]
    last = essence(sound_log())[-1][1]
    assert kinds == ["state", "state", "progress", "state"]
    assert last == {"state": "completed", "error": None, "event_count": 4}


def test_event_bytes_have_their_keys_in_the_order_of_the_contract() -> None:
    first = sound_log()[0]
    assert first.data.startswith(b'{"event_id":1,"run_id":"run-1","type":"state","timestamp":"2024')
    assert list(first.decode()) == ["event_id", "run_id", "type", "timestamp", "payload"]
    assert first.payload == {"state": "queued", "message": "Run queued"}
