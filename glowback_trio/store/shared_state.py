"""The promises of what gateways share besides runs: keys of requests, tickets, and rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from attrs import frozen

__all__ = ["KeyClaim", "SharedState"]


@frozen
class KeyClaim:
    """A claim to begin what a request with an idempotency key asks for.

    Attributes:
        kind: What is begun, so that runs and optimizations have keys of their own.
        key: The key, as it is kept with what is begun.
        digest: What stands for the request.
        nonce: Tells this claim from all others.
    """

    kind: str
    key: str
    digest: str
    nonce: str


class SharedState(Protocol):
    """What all gateways of a cluster know. Each call may raise `StoreError`."""

    async def claim_key(self, claim: KeyClaim) -> KeyClaim:
        """Return the claim that holds for a key from now on: this one, unless there is another.

        Another claim holds no longer once its gateway was fenced, once it is 10 minutes old, or if
        it is of this gateway, which has one at a time for each key.

        Raises:
            FencedError: This gateway was fenced.
        """

    async def release_key(self, claim: KeyClaim) -> None:
        """Let a claim hold no longer; nothing happens if another one holds."""

    async def keep_ticket(self, digest: bytes, holder: str, seconds: float) -> None:
        """Keep a ticket.

        Args:
            digest: Digest of its value.
            holder: What is given back for it.
            seconds: For how long.
        """

    async def take_ticket(self, digest: bytes) -> str | None:
        """Use a ticket up, and return its holder; None if it is unknown, used or expired."""

    async def exchange_rates(self, spent: Mapping[str, int]) -> Mapping[str, int]:
        """Tell the others what callers have spent here since the last time; return theirs.

        Args:
            spent: Tokens by caller. What could not be told is told with the next call's.
        """
