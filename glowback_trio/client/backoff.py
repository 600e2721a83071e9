"""When to try again, and when to give up."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

__all__ = ["Backoff"]

_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.25, 5.0


@define(eq=False)
class Backoff:
    """Exponential back-off with jitter over one outage after another.

    An outage begins with a loss. It is over when something was received, or when a connection
    stood for as long as the longest delay: a run may be silent for hours without anything wrong.

    Args:
        limit: Seconds an outage may last.
        jitter: Gives numbers from 0 to 1, so that many clients do not come back at once.
    """

    limit: float
    jitter: Callable[[], float]
    _delay: float = field(default=_FIRST_DELAY_S, init=False)
    _lost_at: float | None = field(default=None, init=False)

    def reset(self) -> None:
        """All is well again."""
        self._delay, self._lost_at = _FIRST_DELAY_S, None

    def stood(self, seconds: float) -> None:
        """Take in for how long a connection was good for something."""
        if seconds >= _LONGEST_DELAY_S:
            self.reset()

    def delay(self, now: float) -> float | None:
        """Seconds to wait after a loss; None: it is time to give up.

        The last attempt is made when the limit is reached, and not before.
        """
        if self._lost_at is None:
            self._lost_at = now
        left = self._lost_at + self.limit - now
        if left <= 0:
            return None
        delay, self._delay = self._delay, min(_LONGEST_DELAY_S, 2 * self._delay)
        return min(left, delay * (0.5 + self.jitter() / 2))
