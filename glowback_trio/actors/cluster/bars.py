"""Bars: whether this gateway has those that others' runs need, and what it leaves to others."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import trio
from attrs import define, field

from glowback_trio.actors.cluster.tenure import Tenure
from glowback_trio.border import log_fault, restarted
from glowback_trio.data import Source, differing, fingerprint_of
from glowback_trio.errors import GlowbackError, Problem, StoreError
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.short_repr import listed
from glowback_trio.model.strategies.lost import LostStrategy
from glowback_trio.store.cluster import Cluster, Held, LeftOut, Named

__all__ = ["Bars"]

_log = logging.getLogger(__name__)

# Seconds for which something is left to others; somebody may have copied the files by then.
_LEFT_S = 30.0
# Seconds between two counts of what is left in the queue.
_COUNTED_S = 2.0
_RETRY_S = 1.0
# Warnings that are remembered, so that each is given once.
_MOST_SAID = 1000
_LISTED = 5  # symbols that a warning names
_COPY = "copy the price files from a gateway that has them, or cancel it"
_FAULT = "What this gateway leaves to others is not counted; it is tried again"


class Uncompared(Protocol):
    """A run that was not submitted here, whose bars were perhaps not compared."""

    @property
    def tenure(self) -> Tenure:
        """Who holds it."""

    @property
    def survives(self) -> bool:
        """True if it goes on elsewhere should this gateway let go of it."""

    def lose(self) -> None:
        """Stop without an end: another gateway goes on with it."""


@define(eq=False)
class Bars:
    """Compares the bars that runs of other gateways need with those that are here.

    Args:
        cluster: The gateways on the store.
        source: Where bars come from.
    """

    _cluster: Cluster
    _source: Source
    #: How many queued runs this gateway leaves to others.
    left: int = field(default=0, init=False)
    #: Until when they are left to others: fingerprints, and what has another reason.
    _fingerprints: dict[str, float] = field(factory=dict, init=False)
    _names: dict[Named, float] = field(factory=dict, init=False)
    #: The warnings that were given, by what they are about.
    _said: dict[str, str] = field(factory=dict, init=False)
    _some: trio.Event = field(factory=trio.Event, init=False)

    def fingerprint(self, request: BacktestRequest) -> str | None:
        """Return the fingerprint of the bars that a request needs; None: not known.

        It may read files, so it is called in a thread where that matters.
        """
        try:
            return fingerprint_of(self._source, request)
        except GlowbackError as error:  # the run will say so, wherever it is carried out
            _log.info("The fingerprint of the bars of a run is not known: %s", error)
            return None

    async def lacks(self, held: Held, request: BacktestRequest) -> bool:
        """Return whether others have the bars for something that this gateway lacks, and say so.

        All that needs the same bars is left out of the queue for a while then.

        Args:
            held: What.
            request: What is to be loaded for it.
        """
        why = await trio.to_thread.run_sync(self._find_lack, held.fingerprint, request)
        if why is None:
            self._fingerprints.pop(held.fingerprint or "", None)
            self._names.pop(held.named, None)
            self._said.pop(_subject(held), None)
            return False
        reason, of_bars = why
        if of_bars and held.fingerprint is not None:
            self._fingerprints[held.fingerprint] = trio.current_time() + _LEFT_S
            self._some.set()
        self._say(held, reason)
        return True

    async def gives_back(self, taken: Uncompared, request: BacktestRequest) -> bool:
        """Give back what this gateway came to hold uncompared, if it lacks the bars.

        Args:
            taken: What it holds, such as a run that a client has changed while nobody held it.
            request: What is to be loaded for it.

        Returns:
            True if others go on with it.
        """
        tenure = taken.tenure
        while _goes_on(taken) and not tenure.compared:
            try:
                held = await self._cluster.origin(tenure.named)
            except StoreError:
                await trio.sleep(_RETRY_S)
                continue
            lacks = held is not None and await self.lacks(held, request)
            if lacks and _goes_on(taken):
                taken.lose()
                with suppress(StoreError):  # then it is taken once more, and given back
                    await self._cluster.release([tenure.named])
            else:
                tenure.compared = True
        return not tenure.ours

    def _find_lack(
        self, fingerprint: str | None, request: BacktestRequest
    ) -> tuple[str, bool] | None:
        """Return what keeps a request from being carried out here, and whether its bars do."""
        if isinstance(request.strategy, LostStrategy):
            return request.strategy.advice, False
        if problems := tuple(self._source.problems(request)):
            return _missing(problems)
        if fingerprint is None:
            return None
        try:
            own = fingerprint_of(self._source, request)
        except GlowbackError as error:
            return f"its bars cannot be read here: {error}", True
        if own is None or own == fingerprint:
            return None
        symbols = differing(fingerprint, own, request.priced)
        what = f"bars of {listed(symbols, _LISTED)}" if symbols else "bars"
        return f"this gateway has other {what}; {_COPY}", True

    def _say(self, held: Held, reason: str) -> None:
        """Say once why something is left to others."""
        subject = _subject(held)
        if self._said.pop(subject, None) != reason:
            _log.warning("%s %s is left to other gateways: %s", *_titled(held.named), reason)
        self._said[subject] = reason
        if len(self._said) > _MOST_SAID:
            del self._said[next(iter(self._said))]

    def leave(self, named: Named) -> None:
        """Leave something to others for a while."""
        self._names[named] = trio.current_time() + _LEFT_S
        self._some.set()

    def leaves(self, named: Named) -> bool:
        """Return whether something is left to others now."""
        return self._names.get(named, 0.0) > trio.current_time()

    @property
    def left_out(self) -> LeftOut:
        """What is left to others now."""
        now = trio.current_time()
        return LeftOut(
            [each for each, until in self._fingerprints.items() if until > now],
            [name for (kind, name), until in self._names.items() if kind == "run" and until > now],
        )

    async def count_for_ever(self) -> None:
        """Be the task that keeps `left`, until it is cancelled."""
        await restarted(self._count_again, log_fault(_FAULT))

    async def _count_again(self) -> None:
        while True:
            await self._some.wait()
            await trio.sleep(_COUNTED_S)
            try:
                await self._count()
            except StoreError as error:
                _log.info("The queue of all gateways cannot be seen: %s", error)
            if not (self._fingerprints or self._names or self.left):
                self._some = trio.Event()

    async def _count(self) -> None:
        """Count what is left in the queue, and forget what is not there and was left long ago."""
        known = LeftOut(
            [*self._fingerprints], [name for kind, name in self._names if kind == "run"]
        )
        found = await self._cluster.queued(known)
        self.left = len(found)
        now, waiting = trio.current_time(), {held.named for held in found}
        needed = {held.fingerprint for held in found}
        self._fingerprints = {
            each: until
            for each, until in self._fingerprints.items()
            if until > now or each in needed
        }
        self._names = {
            each: until for each, until in self._names.items() if until > now or each in waiting
        }


def _goes_on(taken: Uncompared) -> bool:
    return taken.tenure.ours and taken.survives


def _subject(held: Held) -> str:
    """Return what a warning is about: all that needs the same bars."""
    return held.fingerprint or held.named[1]


def _titled(named: Named) -> tuple[str, str]:
    return named[0].capitalize(), named[1]


def _missing(problems: Sequence[Problem]) -> tuple[str, bool]:
    symbols = [str(each.value) for each in problems if each.kind == "unknown_symbol"]
    if symbols:
        return f"bars of {listed(symbols, _LISTED)} are missing here; {_COPY}", True
    return f"it cannot be carried out here: {problems[0].message}", False
