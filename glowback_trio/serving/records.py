"""What a server tells its owner's log: one mapping per request, WebSocket and fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import define

if TYPE_CHECKING:
    from hypercorn.typing import Scope

__all__ = ["Load", "Log", "Record", "describe", "discard"]

Record: TypeAlias = Mapping[str, object]
Log: TypeAlias = Callable[[Record], None]


@define(eq=False)
class Load:
    """What a server has to carry, for its owner to look at.

    Attributes:
        connections: Open connections, those that are one too many included.
        messages: Messages that the hub has given to WebSockets so far.
    """

    connections: int = 0
    messages: int = 0


def discard(_: Record) -> None:
    """Keep no record."""


def describe(scope: Scope) -> dict[str, Any]:
    """Return what every record says of a request.

    The query string stays out, since keys may stand in it. `state` is the request's own copy of
    the lifespan state: an application that wants something of its own in its records, such as a
    request id, puts it there.
    """
    return {
        "method": scope.get("method", "GET"),
        "path": scope.get("path"),
        "client": scope.get("client"),
        "state": scope.get("state", {}),
    }
