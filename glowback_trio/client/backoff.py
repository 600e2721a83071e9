"""When to reconnect, and when to give up."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

__all__ = ["Backoff"]

_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.25, 5.0


@define(eq=False)
class Backoff:
    """Exponential back-off with jitter, over one outage after another.

    An outage begins when a connection is lost. It ends when an event arrives, or when a connection
    has lasted as long as the longest delay: a healthy run may emit nothing for hours, so silence
    must not count against it.

    Args:
        limit: Seconds that an outage may last.
        jitter: Returns numbers from 0 to 1, so that many clients do not reconnect at once.
    """

    limit: float
    jitter: Callable[[], float]
    _delay: float = field(default=_FIRST_DELAY_S, init=False)
    _lost_at: float | None = field(default=None, init=False)

    def reset(self) -> None:
        """End the outage: the next one starts with the shortest delay."""
        self._delay, self._lost_at = _FIRST_DELAY_S, None

    def connection_lasted(self, seconds: float) -> None:
        """Note how long a connection was alive, and end the outage if that was long enough."""
        if seconds >= _LONGEST_DELAY_S:
            self.reset()

    def delay(self, now: float) -> float | None:
        """Return the seconds to wait before the next attempt, or None to give up.

        The last delay is cut so that the last attempt is made when the limit is reached.

        Args:
            now: When the connection was lost, in seconds on any steady clock.
        """
        if self._lost_at is None:
            self._lost_at = now
        left = self._lost_at + self.limit - now
        if left <= 0:
            return None
        delay, self._delay = self._delay, min(_LONGEST_DELAY_S, 2 * self._delay)
        # Between half of the delay and all of it.
        return min(left, delay * (0.5 + self.jitter() / 2))
