"""Limits on one request: the time and the bytes that it may take."""

from __future__ import annotations

import trio
from attrs import define, field

from glowback_trio.serving.http.rejection import RejectedError
from glowback_trio.serving.limits import Limits

__all__ = ["RequestBudget"]

# Reading and dropping so much of a body takes less time than a new connection.
SHORT_BYTES = 64 * 1024


@define(eq=False)
class RequestBudget:
    """The time and the bytes that a client has left, for one request after another.

    Attributes:
        limits: What clients may do.
        idle: True while nothing of a request has come.
        pieces: Pieces in which the body has come so far.
        deadline: Until when the client must have sent the head, the body, or the next request, on
            trio's clock.
    """

    limits: Limits
    idle: bool = True
    pieces: int = field(default=0, init=False)
    deadline: float = field(init=False)
    _body_bytes: int = field(default=0, init=False)
    _declared: int | None = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.deadline = trio.current_time() + self.limits.head_timeout

    def begin_head(self) -> None:
        """Start the time of a head, at its first byte; later calls change nothing."""
        if self.idle:
            self.idle = False
            self.deadline = trio.current_time() + self.limits.head_timeout

    def begin_body(self, declared: int | None) -> None:
        """Start the time of a body, at the end of its head.

        Args:
            declared: The declared length; None for a chunked body.

        Raises:
            RejectedError: 413 for a declared length beyond the limit.
        """
        self.pieces, self._body_bytes, self._declared = 0, 0, declared
        self.deadline = trio.current_time() + self.limits.body_timeout
        self._check_body(declared or 0)

    def count_body(self, size: int) -> None:
        """Count a piece of the body.

        Raises:
            RejectedError: 413 for a body that grows beyond the limit.
        """
        self.pieces += 1
        self._body_bytes += size
        self._check_body(self._body_bytes)

    def _check_body(self, size: int) -> None:
        limit = self.limits.body_bytes
        if limit is not None and size > limit:
            raise RejectedError(413, f"the request body is longer than {limit} bytes")

    @property
    def nearly_there(self) -> bool:
        """True if the rest of the body is known to be short."""
        return self._declared is not None and self._declared - self._body_bytes <= SHORT_BYTES

    def end_body(self) -> None:
        """Stop the time, while the application responds."""
        self.deadline = float("inf")

    def rest(self) -> None:
        """Start the time until the next request, at the end of a response."""
        self.idle = True
        self.deadline = trio.current_time() + self.limits.keep_alive
