"""The event loop that a gateway belongs to, and the check that a call is made in it."""

from __future__ import annotations

import trio
from attrs import define, field

from glowback_trio.errors import EventLoopError

__all__ = ["EventLoop"]


@define(eq=False)
class EventLoop:
    """The trio event loop in which this was made. What is made in none may be used in any.

    Trio's own objects do not check that they are used in their loop. Used from another thread they
    fail halfway, or wake nobody; so whatever changes or awaits something of a gateway checks first.
    """

    token: trio.lowlevel.TrioToken | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.token = _token_here()

    def check(self, call: str) -> None:
        """Check that the caller runs in this loop.

        Args:
            call: What it called, as users write it, such as `gateway.submit`.

        Raises:
            EventLoopError: It is in another thread, under asyncio, or in another trio loop.
        """
        if self.token is not None and _token_here() is not self.token:
            instead = f"call gateway.from_thread({call}, ...) in a thread that runs no event loop"
            raise EventLoopError.here(call, instead)


def _token_here() -> trio.lowlevel.TrioToken | None:
    try:
        return trio.lowlevel.current_trio_token()
    except RuntimeError:  # no trio loop at all
        return None
