"""Memory channels and streams that can fail."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import trio

from glowback_trio.testing.sim.loop.points import fault_point

__all__ = ["failing_channels"]

# (class, method, what it is called in reports, how it can fail): nobody's end but a sender's can be
# broken in a memory channel, whose receivers see the end instead. `send` and `receive` call the
# methods named here.
_CHANNELS: tuple[tuple[Any, str, str, tuple[str, ...]], ...] = (
    (trio.MemorySendChannel, "send_nowait", "send into a channel", ("closed", "broken")),
    (trio.MemoryReceiveChannel, "receive_nowait", "receive from a channel", ("closed",)),
)
_STREAMS = (
    ("MemorySendStream", "send_all", "send into a stream", ("closed", "broken")),
    ("MemoryReceiveStream", "receive_some", "receive from a stream", ("closed", "broken")),
)


@contextmanager
def failing_channels() -> Iterator[None]:
    """Make each operation on a memory channel, or a memory stream of trio's, a fault point."""
    methods = list(_CHANNELS)
    testing = sys.modules.get("trio.testing")  # not imported for this: who does not use it waits
    if testing is not None:
        methods += [(getattr(testing, name), *rest) for name, *rest in _STREAMS]
    before = [(owner, method, getattr(owner, method)) for owner, method, *_ in methods]
    for owner, method, name, kinds in methods:
        setattr(owner, method, _failing(getattr(owner, method), name, kinds))
    try:
        yield
    finally:
        for owner, method, function in before:
            setattr(owner, method, function)


def _failing(function: Callable[..., Any], name: str, kinds: tuple[str, ...]) -> Callable[..., Any]:
    @functools.wraps(function)
    def failing(*args: Any, **named: Any) -> Any:
        fault_point(name, *kinds)
        return function(*args, **named)

    return failing
