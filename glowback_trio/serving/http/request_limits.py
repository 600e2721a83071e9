"""The time and the bytes that one request may take."""

from __future__ import annotations

import trio
from attrs import define, field

from glowback_trio.serving.http.rejection import RejectedError
from glowback_trio.serving.limits import Limits

__all__ = ["RequestBudget"]

# So much of a body is sooner read and dropped than a new connection is made.
SHORT_BYTES = 64 * 1024


@define(eq=False)
class RequestBudget:
    """What a client has left, from one request on a connection to the next.

    Attributes:
        limits: What clients may do.
        idle: Nothing of a request has come yet.
        pieces: In how many pieces the body has come so far.
        deadline: Until when the client may take for what it does next, on trio's clock.
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
        """Count from a head's first byte; later ones change nothing."""
        if self.idle:
            self.idle = False
            self.deadline = trio.current_time() + self.limits.head_timeout

    def begin_body(self, declared: int | None) -> None:
        """Count from a head's end; without a declared length the body is chunked.

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
        """Whether little of the body is to come, as far as anybody knows."""
        return self._declared is not None and self._declared - self._body_bytes <= SHORT_BYTES

    def end_body(self) -> None:
        """Leave the client all the time that the application takes to answer."""
        self.deadline = float("inf")

    def rest(self) -> None:
        """Count from an answer's end to the next request."""
        self.idle = True
        self.deadline = trio.current_time() + self.limits.keep_alive
