"""Taking the messages of an internal stream apart gives the events byte for byte.

Doctrine: what the server joins (`server.state.feeds.messages`) is split again, whatever the
payloads hold; a text that looks like the border between two events is the hardest of them.
"""

from __future__ import annotations

import math

import orjson
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.model.events import Event, encode
from glowback_trio.peers.batches import events_in
from glowback_trio.server.state.feeds import heartbeat, messages

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
BORDER = ',{"event_id":7,"run_id":"r","type":"log"}'


def event(number: int, payload: object) -> Event:
    return encode(number, "r", "log", "2026-01-01T00:00:00.000000Z", orjson.dumps(payload))


@given(st.lists(JSON | st.just(BORDER) | st.just({BORDER: [BORDER]}), min_size=1, max_size=8))
def test_a_message_is_split_into_the_bytes_it_was_joined_from(payloads: list[object]) -> None:
    events = [event(number, payload) for number, payload in enumerate(payloads, start=1)]
    [message] = messages(events, 1000, math.inf)
    assert [bytes(each) for each in events_in(message)] == [each.data for each in events]


def test_a_heartbeat_has_no_event() -> None:
    assert events_in(heartbeat(7)) == []


def test_a_single_event_is_itself() -> None:
    one = event(1, {}).data
    assert events_in(one) == [one]
