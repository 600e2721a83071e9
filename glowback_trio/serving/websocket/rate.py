"""The rate at which a client may send."""

from __future__ import annotations

import trio
from attrs import define, field

__all__ = ["Rate"]

WINDOW_S = 1.0


@define(eq=False)
class Rate:
    """Counts messages and bytes in windows of one second, on trio's clock.

    A window opens with the first message after the last window, so a client that keeps to the rate
    in every second is never over the limit.

    Attributes:
        messages: Messages allowed within a second.
        size: Bytes allowed within a second.
    """

    messages: int
    size: int
    _since: float = field(default=float("-inf"), init=False)
    _messages: int = field(default=0, init=False)
    _size: int = field(default=0, init=False)

    def allows(self, size: int, *, messages: int = 1) -> bool:
        """Count what has come; True if the client still keeps to the rate."""
        now = trio.current_time()
        if now - self._since >= WINDOW_S:
            self._since, self._messages, self._size = now, 0, 0
        self._messages += messages
        self._size += size
        return self._messages <= self.messages and self._size <= self.size
