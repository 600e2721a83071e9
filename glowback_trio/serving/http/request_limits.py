"""Limits on one request: the time and the bytes that it may take."""

from __future__ import annotations

from typing import Protocol

import trio
from attrs import define, field

from glowback_trio.serving.http.rejection import RejectedError
from glowback_trio.serving.limits import Limits

__all__ = ["BodyAccount", "RequestBudget", "Unbounded"]

# Reading and dropping so much of a body takes less time than a new connection.
SHORT_BYTES = 64 * 1024


class BodyAccount(Protocol):
    """The memory that the bodies of all requests may take together."""

    def try_reserve(self, size: int) -> bool:
        """Reserve bytes; False if there is no room."""

    def release(self, size: int) -> None:
        """Give bytes back."""


class Unbounded:
    """Room for any number of bodies."""

    def try_reserve(self, size: int) -> bool:
        """Return True."""
        del size
        return True

    def release(self, size: int) -> None:
        """Do nothing."""


@define(eq=False)
class RequestBudget:
    """The time and the bytes that a client has left, for one request after another.

    Attributes:
        limits: What clients may do.
        bodies: Told of the bytes that have come, until the response is complete.
        idle: True while nothing of a request has come.
        pieces: Pieces in which the body has come so far.
        deadline: Until when the client must have sent the head, the body, or the next request, on
            trio's clock.
    """

    limits: Limits
    bodies: BodyAccount
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
        """Start the time of a body, at the end of its head; not needed where there is none.

        Args:
            declared: The declared length; None for a chunked body.

        Raises:
            RejectedError: 413 for a declared length beyond the limit.
        """
        self.pieces, self._declared = 0, declared
        self.deadline = trio.current_time() + self.limits.body_timeout
        self._check_body(declared or 0)

    def count_body(self, size: int) -> None:
        """Count a piece of the body.

        Raises:
            RejectedError: 413 for a body that grows beyond the limit, 503 where the bodies of all
                requests together leave it no room.
        """
        self.pieces += 1
        self._check_body(self._body_bytes + size)
        if not self.bodies.try_reserve(size):
            raise RejectedError(503, "the server has no memory left for request bodies; try later")
        self._body_bytes += size

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
        self.drop_body()
        self.deadline = trio.current_time() + self.limits.keep_alive

    def drop_body(self) -> None:
        """Give back what the body has taken: nobody will read it any more. Idempotent."""
        if self._body_bytes:
            self.bodies.release(self._body_bytes)
            self._body_bytes = 0
