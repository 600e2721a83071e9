"""The keeper of the lease: it renews it, and lets everything go when others have fenced it."""

from __future__ import annotations

import logging
from collections.abc import Callable

import trio
from attrs import define, field

from glowback_trio.border import log_fault, restarted
from glowback_trio.errors import StoreError
from glowback_trio.store.cluster import LEASE_S, RENEWED_S, Cluster

__all__ = ["LeaseKeeper"]

_log = logging.getLogger(__name__)

# Seconds after which a store that cannot be reached is asked again.
_RETRY_S = 1.0
_FAULT = "The lease of this gateway could not be kept; its keeper begins again"


@define(eq=False)
class LeaseKeeper:
    """Renews this gateway's lease for as long as it lives.

    Args:
        cluster: The gateways on the store.
        lose_all: Lets go of all that this gateway holds.
    """

    _cluster: Cluster
    _lose_all: Callable[[], object]
    #: When the last good renewal began, on trio's clock.
    _renewed_at: float = field(factory=trio.current_time, init=False)
    _joined: trio.Event = field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self._joined.set()

    @property
    def seconds_left(self) -> float:
        """Seconds that the lease lives at least unless it is renewed; 0 or less: it may be over."""
        if self._cluster.fenced:
            return 0.0
        return LEASE_S - (trio.current_time() - self._renewed_at)

    async def wait_joined(self) -> None:
        """Wait while the lease is fenced."""
        while self._cluster.fenced or not self._joined.is_set():
            if self._cluster.fenced and self._joined.is_set():
                self._joined = trio.Event()
            await self._joined.wait()

    async def keep_for_ever(self) -> None:
        """Be the task, until it is cancelled."""
        await restarted(self._keep, log_fault(_FAULT))

    async def _keep(self) -> None:
        wait_s, reached = 0.0, True
        while True:
            with trio.move_on_after(wait_s):
                await self._cluster.wait_fenced()
            began = trio.current_time()
            try:
                if self._cluster.fenced or not await self._cluster.renew():
                    await self._join_again()
                    began = trio.current_time()
                self._renewed_at = began
                wait_s, reached = RENEWED_S, True
            except StoreError as error:
                if reached and not self._cluster.fenced:
                    _log.warning("The lease of this gateway is not renewed: %s", error)
                wait_s, reached = _RETRY_S, False

    async def _join_again(self) -> None:
        _log.warning(
            "Gateway %d was paused or cut off for longer than its lease; others take over what it "
            "held",
            self._cluster.epoch,
        )
        if self._joined.is_set():
            self._joined = trio.Event()
        self._lose_all()
        while self._cluster.fenced:
            try:
                await self._cluster.rejoin()
            except StoreError as error:
                _log.info("This gateway cannot join again: %s", error)
                await trio.sleep(_RETRY_S)
        # What was begun meanwhile was handed over to the old lease.
        self._joined.set()
