"""Claims of idempotency keys: of several gateways that get a request at once, one begins it."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from weakref import WeakValueDictionary

import trio
from attrs import define, field

from glowback_trio.errors import StoreError
from glowback_trio.server.state.idempotency import FirstResponse, check_same
from glowback_trio.store.shared_state import KeyClaim, SharedState

__all__ = ["KeyClaims", "make_claim"]

# How long a request waits for what another gateway has begun, and how often it looks. A gateway
# that has died is fenced within 20 s, and its claim is taken over then.
_PATIENCE_S, _PERIOD_S = 25.0, 0.05
# Giving a claim back is not worth a longer wait: it can be taken over later.
_GIVING_BACK_S = 5.0


@define(eq=False)
class KeyClaims:
    """The claims of one gateway of a cluster.

    Args:
        shared: What the gateways share.
    """

    _shared: SharedState
    #: One request at a time for each key: a claim tells only gateways apart.
    _locks: WeakValueDictionary[str, trio.Lock] = field(factory=WeakValueDictionary, init=False)

    def turn(self, key: str) -> trio.Lock:
        """Return the lock that a request holds from before its claim until it has begun."""
        return self._locks.setdefault(key, trio.Lock())

    async def claim(
        self,
        claim: KeyClaim,
        find: Callable[[], Awaitable[FirstResponse | None]],
        sent_key: str,
    ) -> FirstResponse | None:
        """Hold a claim and return None; or return the first response, if another gateway has begun.

        Args:
            claim: The claim.
            find: Looks for what was begun with the key and is stored.
            sent_key: The key as the client sent it.

        Raises:
            InvalidRequestError: The key was used with a different request.
            StoreError: The store cannot be used; another gateway has begun this, and does not get
                it stored.
        """
        # What this gateway has begun and not stored yet: its claim must go on to hold.
        if (first := await find()) is not None:
            return first
        claimed = False
        try:
            with trio.move_on_after(_PATIENCE_S):
                while True:
                    held = await self._shared.claim_key(claim)
                    # Only now: what held the key until then is stored, or will never be.
                    if (first := await find()) is not None:
                        return first
                    if held == claim:
                        claimed = True
                        return None
                    check_same(same=held.digest == claim.digest, key=sent_key)
                    await trio.sleep(_PERIOD_S)
        finally:
            if not claimed:  # also if the client has gone, and if no answer came to a claim
                await self.release(claim)
        raise StoreError(
            f"The same request has been at another gateway for {_PATIENCE_S:g} s and is not stored "
            "yet; send it again with the same key"
        )

    async def release(self, claim: KeyClaim) -> None:
        """Let a claim hold no longer."""
        with suppress(StoreError), trio.move_on_after(_GIVING_BACK_S, shield=True):
            await self._shared.release_key(claim)


def make_claim(kind: str, key: str, digest: bytes) -> KeyClaim:
    """Return a claim that is like no other."""
    return KeyClaim(kind, key, digest.hex(), secrets.token_hex(16))
