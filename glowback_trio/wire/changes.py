"""Changes of a gateway's runs and optimizations, as they go over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, get_args

import orjson
from attrs import frozen

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.instant import stamp
from glowback_trio.model.short_repr import describe
from glowback_trio.wire.json_text import dumps, parse_json

__all__ = ["CHANGE_TYPES", "Change", "ChangeType", "encode_change", "parse_change"]

ChangeType = Literal["run", "run_deleted", "optimization", "optimization_deleted", "reset"]
CHANGE_TYPES: tuple[ChangeType, ...] = get_args(ChangeType)


@frozen(repr=False)
class Change:
    """A change of a run or an optimization.

    Attributes:
        event_id: The revision of the gateway at which it was noted: ascending, with gaps.
        type: The type of the change.
        data: Compact JSON with the keys `event_id`, `type`, `timestamp`, `payload`, in this order.
    """

    event_id: int
    type: ChangeType
    data: bytes

    def __repr__(self) -> str:
        return describe(self, str(self.event_id), self.type, data=self.data)

    @property
    def timestamp(self) -> datetime:
        """The time at which it was noted, UTC, decoded again at each use."""
        return datetime.fromisoformat(self.decode()["timestamp"])

    @property
    def payload(self) -> Mapping[str, Any]:
        """The payload: a whole status, or what was deleted; decoded again at each use."""
        payload: Mapping[str, Any] = self.decode()["payload"]
        return payload

    def decode(self) -> Mapping[str, Any]:
        """Return all fields of the change, decoded again at each call."""
        fields: Mapping[str, Any] = orjson.loads(self.data)
        return fields


def encode_change(
    revision: int, kind: ChangeType, moment: datetime, payload: Mapping[str, Any]
) -> Change:
    """Make a change by writing its bytes.

    Args:
        revision: The revision.
        kind: The type of the change.
        moment: When it was noted.
        payload: The payload.
    """
    fields = {
        "event_id": revision,
        "type": kind,
        "timestamp": stamp(moment),
        "payload": payload,
    }
    return Change(revision, kind, dumps(fields))


def parse_change(data: bytes) -> Change | None:
    """Read a message of a stream of changes; None: it is a heartbeat, or of a newer server's types.

    Raises:
        InvalidRequestError: It is none.
    """
    fields = parse_json(data)
    known = isinstance(fields, dict) and isinstance(fields.get("event_id"), int)
    if not known or not isinstance(fields.get("type"), str):
        message = "Input should be a change, with an event_id and a type"
        raise InvalidRequestError([Problem("type_error", (), message, repr(data[:100]))])
    if fields["type"] not in CHANGE_TYPES or not isinstance(fields.get("payload"), dict):
        return None
    return Change(fields["event_id"], fields["type"], data)
