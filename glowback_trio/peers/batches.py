"""The messages of an internal stream: arrays of events, taken apart without changing a byte."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["events_in"]

# Between two events of an array. Text of a payload cannot look like this: its quotes are escaped.
_BETWEEN = re.compile(rb',(?=\{"event_id":\d+,"run_id":")')
_HEARTBEAT = b'{"type":"heartbeat",'


def events_in(message: bytes) -> Sequence[bytes]:
    """Return the bytes of each event in a message; none for a heartbeat.

    They are not decoded: the digest of a log is over the bytes as they are. What is no array of
    events gives parts that are no events, which the verifier of the log refuses.
    """
    if message.startswith(_HEARTBEAT):
        return []
    if message.startswith(b"[") and message.endswith(b"]"):
        return _BETWEEN.split(message[1:-1])
    return [message]
