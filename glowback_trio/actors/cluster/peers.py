"""The port to peers: how the log of a run is followed that another gateway computes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from attrs import frozen

from glowback_trio.errors import GlowbackError
from glowback_trio.model.events import Event
from glowback_trio.store.cluster import Named

__all__ = ["LogName", "PeerError", "Peers"]


class PeerError(GlowbackError, RuntimeError):
    """Raised when a peer cannot be reached, breaks off, or sends what is no log."""

    code = "peer_unreachable"


@frozen
class LogName:
    """The name of a log.

    Attributes:
        named: The run, or the optimization.
        attempt: Number of the attempt of an optimization; None: it is the log of a run.
    """

    named: Named
    attempt: int | None = None


class Peers(Protocol):
    """The other gateways, as far as they can be reached."""

    def follow(
        self, address: str, log: LogName, after: int
    ) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Event]]]:
        """Follow a log that a peer holds, for the length of an `async with` block.

        The events are in the store by the time that the peer tells them. Iterating gives them in
        batches, in order, the first with the id `after` + 1, and stops after the terminal event.
        Leaving the block closes the stream, whatever it waits for.

        Args:
            address: Where the peer is reached, a URL.
            log: The log; the peer refuses it if it does not hold it.
            after: Id of the last event that is known.

        Raises:
            PeerError: The peer cannot be reached, refuses, breaks off, says nothing for too long,
                or sends what is not the log; raised by entering the block, or by iterating.
        """
