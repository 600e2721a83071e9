"""Rates that gateways share: each counts by itself, and tells the others once a second."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import trio

from glowback_trio.errors import StoreError
from glowback_trio.server.security.access_control import AccessControl
from glowback_trio.server.security.rate_limit import Buckets
from glowback_trio.store.shared_state import SharedState

__all__ = ["exchange_for_ever"]

# Within this time a caller may use its whole rate at each gateway.
_PERIOD_S = 1.0


async def exchange_for_ever(access: AccessControl, shared: SharedState) -> None:
    """Tell the other gateways what callers use here, and charge what they use there."""
    kinds: Mapping[str, Buckets] = {"request": access.request_rates, "guess": access.wrong_keys}
    while True:
        taken = {
            f"{kind} {caller}": tokens
            for kind, buckets in kinds.items()
            for caller, tokens in buckets.collect_taken().items()
        }
        # Without the store each gateway counts alone. What it could not tell is told later.
        with suppress(StoreError):
            for named, tokens in (await shared.exchange_rates(taken)).items():
                kind, _, caller = named.partition(" ")
                if kind in kinds:
                    kinds[kind].charge(caller, tokens)
        await trio.sleep(_PERIOD_S)
