"""When a WebSocket is pinged, and when its client counts as lost (RFC 6455, section 5.5.2)."""

from __future__ import annotations

import math

import trio
from attrs import define, field

from glowback_trio.serving.limits import Limits

__all__ = ["Pings"]


@define(eq=False)
class Pings:
    """The pings of one WebSocket, on trio's clock: none before `start`, then one at a time."""

    _limits: Limits
    _count: int = field(default=0, init=False)
    _due: float = field(default=math.inf, init=False)
    #: When the ping was sent that has not been answered.
    _sent_at: float | None = field(default=None, init=False)

    def start(self) -> None:
        """Count from the accept to the first ping."""
        self._due = trio.current_time() + self._limits.ping_interval

    @property
    def unanswered(self) -> bool:
        """True while a ping waits for its pong."""
        return self._sent_at is not None

    def deadline(self, moved_at: float) -> float:
        """Return when the next ping is due, or the answer to the last one.

        Args:
            moved_at: When the peer last took bytes that had to wait. A slow reader gets to a ping
                only after reading what was sent before, so this counts as a sign of life.
        """
        if self._sent_at is None:
            return self._due
        return max(self._sent_at, moved_at) + self._limits.pong_timeout

    def postpone(self) -> None:
        """Leave one ping out."""
        self._due = trio.current_time() + self._limits.ping_interval

    def send(self) -> bytes:
        """Return the payload of the ping that is sent now."""
        self.postpone()
        self._count += 1
        self._sent_at = trio.current_time()
        return self._payload

    def take_pong(self, payload: bytes) -> None:
        """Take a pong; only the one that answers the last ping counts."""
        if payload == self._payload:
            self._sent_at = None
            self.postpone()

    @property
    def _payload(self) -> bytes:
        return b"%d" % self._count
