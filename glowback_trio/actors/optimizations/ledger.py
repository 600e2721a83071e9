"""The ledger of a gateway: how often anyone has looked, in the store's chain of entries."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from attrs import define, field

from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch
from glowback_trio.engine.analytics.returns import bar_returns
from glowback_trio.model.ledger.chain import BrokenEntry
from glowback_trio.model.ledger.entry import (
    GENESIS,
    LedgerEntry,
    Origin,
    Tally,
    next_entry,
    owner_digest,
)
from glowback_trio.model.ledger.family import Family, family_of
from glowback_trio.model.ledger.totals import TrialTotals
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.store.ledger_shelf import LedgerShelf

__all__ = ["Ledger"]

_log = logging.getLogger(__name__)


@define(eq=False)
class Ledger:
    """The trials that were ever made on a gateway's store. Made by `open_gateway`.

    Every batch of trials of an optimization is an entry, appended together with the events that
    tell them; so is every run that completes. Nothing ever leaves it.
    """

    _shelf: LedgerShelf
    _head: LedgerEntry | None = field(default=None, init=False)
    #: The first entry that did not follow from those before it when the gateway was opened.
    broken: BrokenEntry | None = field(default=None, init=False)

    @property
    def head(self) -> str:
        """The hash of the newest entry, which stands for all of them."""
        return GENESIS if self._head is None else self._head.hash

    async def open(self) -> None:
        """Find the newest entry, and check the chain. Damage is logged and kept in `broken`.

        Raises:
            StoreError: The store cannot be read.
        """
        self.broken = await self._shelf.broken()
        if self.broken is not None:
            _log.error("The ledger of trials is damaged: %s", self.broken.reason)
        self._head = await self._shelf.head()

    def record(
        self,
        sharpes: Iterable[float | None],
        *,
        family: Family,
        dataset: str,
        origin: Origin,
        origin_id: str,
        owner: str = "",
        alike: int = 0,
    ) -> None:
        """Enter trials.

        Args:
            sharpes: Sharpe ratio per bar of each; None where there is none.
            family: What was tried.
            dataset: Digest of the bars.
            origin: Whether it was a run or an optimization.
            origin_id: Its id.
            owner: On whose account; only a digest of it is kept.
            alike: How many trials of this origin resemble others.
        """
        tally = Tally.of(
            sharpes,
            family=family,
            dataset=dataset,
            origin=origin,
            origin_id=origin_id,
            owner=owner_digest(owner or None),
            alike=alike,
        )
        self._head = next_entry(self._head, tally)
        self._shelf.append(self._head)

    def record_run(
        self, run_id: str, request: BacktestRequest, result: Result, owner: str = ""
    ) -> None:
        """Enter a run that completes, as one trial."""
        periods = result.metrics.get("periods_per_year")
        if not isinstance(periods, int | float) or not periods:
            return
        with np.errstate(all="ignore"):
            excess = bar_returns(result.curve.value) - request.risk_free_rate / periods
            sharpe = ReturnsSketch.of(excess).sharpe
        self.record(
            [sharpe],
            family=family_of(type(request.strategy)),
            dataset=str(result.manifest["dataset"]["digest"]),
            origin="run",
            origin_id=run_id,
            owner=owner,
        )

    async def totals_of(self, family: Family, dataset: str) -> TrialTotals:
        """Return the totals of a family, and those akin to it, on one dataset."""
        return await self._shelf.totals_of(family, dataset)

    async def totals(
        self, strategy: str | None = None, dataset: str | None = None
    ) -> Mapping[tuple[str, str], TrialTotals]:
        """Return everybody's totals by name of the strategy and digest of the bars.

        Args:
            strategy: Only this one; None: all.
            dataset: Only this one; None: all.

        Raises:
            StoreError: The store cannot be read.
        """
        return await self._shelf.totals(strategy, dataset)

    async def entries(
        self,
        strategy: str | None = None,
        dataset: str | None = None,
        *,
        owner: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[LedgerEntry]:
        """Return entries in order.

        Args:
            strategy: Only of this one; None: all.
            dataset: Only on this one; None: all.
            owner: Only those on this account; None: all.
            after: Only those with higher numbers.
            limit: How many at most.

        Raises:
            StoreError: The store cannot be read.
        """
        digest = None if owner is None else owner_digest(owner or None)
        return await self._shelf.entries(strategy, dataset, digest, after, limit)
