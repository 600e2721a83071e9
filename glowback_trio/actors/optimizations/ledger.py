"""The ledger of a gateway: how often anyone has looked, in the store's chain of entries."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import trio
from attrs import define, field

from glowback_trio.engine.analytics.honesty.sharpe import deflated_sharpe
from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch, SketchBatch
from glowback_trio.engine.analytics.returns import bar_returns
from glowback_trio.model.ledger.chain import BrokenEntry
from glowback_trio.model.ledger.entry import (
    GENESIS,
    LedgerEntry,
    Origin,
    Tally,
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
    #: The first entry that did not follow from those before it when the gateway was opened.
    broken: BrokenEntry | None = field(default=None, init=False)

    async def head(self) -> str:
        """Return the hash of the newest entry, which stands for all of them.

        Raises:
            StoreError: The store cannot be read.
        """
        newest = await self._shelf.head()
        return GENESIS if newest is None else newest.hash

    async def open(self) -> None:
        """Check the chain. Damage is logged and kept in `broken`.

        Raises:
            StoreError: The store cannot be read.
        """
        self.broken = await self._shelf.broken()
        if self.broken is not None:
            _log.error("The ledger of trials is damaged: %s", self.broken.reason)

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
        self._shelf.append(tally)

    def record_run(
        self, run_id: str, request: BacktestRequest, result: Result, owner: str = ""
    ) -> None:
        """Enter a run that completes, as one trial."""
        if (sketch := _sketch(request, result)) is None:
            return
        self.record(
            [sketch.sharpe],
            family=family_of(type(request.strategy)),
            dataset=str(result.manifest["dataset"]["digest"]),
            origin="run",
            origin_id=run_id,
            owner=owner,
        )

    async def doubts(self, request: BacktestRequest, result: Result) -> Mapping[str, Any]:
        """Return how far to trust the Sharpe ratio of a run, by how often anyone has looked.

        Args:
            request: The request of the run.
            result: Its result.

        Raises:
            StoreError: The store cannot be read.
        """
        sketch = await trio.to_thread.run_sync(_sketch, request, result)
        family = family_of(type(request.strategy))
        head, dataset = await self.head(), str(result.manifest["dataset"]["digest"])
        totals = await self.totals_of(family, dataset)
        trials = max(totals.effective, 1)
        return {
            "probabilistic_sharpe_ratio": None if sketch is None else _deflated(sketch, 1),
            "deflated_sharpe_ratio": None if sketch is None else _deflated(sketch, trials),
            "trials": totals.trials,
            "effective_trials": totals.effective,
            "strategy": family.name,
            "dataset": dataset,
            "ledger_head": head,
        }

    async def totals_of(self, family: Family, dataset: str) -> TrialTotals:
        """Return the totals of a family, and those akin to it, on one dataset."""
        return await self._shelf.totals_of(family, dataset)

    async def datasets_of(self, origin_id: str) -> frozenset[str]:
        """Return the digests of the bars on which trials of a run or optimization were made."""
        return await self._shelf.datasets_of(origin_id)

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


def _sketch(request: BacktestRequest, result: Result) -> ReturnsSketch | None:
    """Return the sketch of a run's excess returns; None where a year has no length."""
    periods = result.metrics.get("periods_per_year")
    if not isinstance(periods, int | float) or not periods:
        return None
    with np.errstate(all="ignore"):
        return ReturnsSketch.of(bar_returns(result.curve.value) - request.risk_free_rate / periods)


def _deflated(sketch: ReturnsSketch, trials: int) -> float | None:
    """Return the probability that a Sharpe ratio is more than the luck of so many trials.

    The trials are taken for independent and without skill: the variance of their ratios is that of
    estimates from records as long as this one.
    """
    if sketch.count < 2:
        return None
    one = SketchBatch.of([sketch])
    sharpe, skewness, kurtosis = (
        float(figures[0]) for figures in (one.sharpe, one.skewness, one.kurtosis)
    )
    variance = 1.0 / (sketch.count - 1)
    return deflated_sharpe(
        sharpe, sketch.count, skewness, kurtosis, trials=trials, variance=variance
    )
