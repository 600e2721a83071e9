"""Emission: what a run's work yields becomes events, at the run's pace and only once."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field

from glowback_trio.actors.log_writer import LogWriter
from glowback_trio.actors.runs.pacing import Pacer
from glowback_trio.actors.runs.recomputation import Recomputation
from glowback_trio.model.events import EventDraft
from glowback_trio.model.lifecycle import Status
from glowback_trio.store import EventLog, Store

__all__ = ["Emission"]

# Emitting is synchronous; after this many events in a row other tasks get a turn.
_EMITS_PER_TURN = 64
# Events of every run that come from no draft: `queued` and `running`.
_BEFORE_DRAFTS = 2


@define(eq=False)
class Emission:
    """Emits the drafts of one run.

    Args:
        log: The run's log.
        writer: Appends to it.
        store: Says when there is room.
        pacer: Says when the next event may come.
    """

    _log: EventLog
    _writer: LogWriter[Status]
    _store: Store
    pacer: Pacer
    #: Compares work that is done again with the log, until all of that has been computed again.
    _recomputation: Recomputation | None = field(default=None, init=False)

    @property
    def repeats(self) -> bool:
        """True while what is computed is in the log already."""
        return self._recomputation is not None

    def repeat(self) -> None:
        """Expect the work from its beginning: what has been told is not told again."""
        self._recomputation = Recomputation(self._log, _BEFORE_DRAFTS, self._writer.count)

    def check_over(self) -> None:
        """Check that the work has come as far as the log.

        Raises:
            LogError: It has not.
        """
        if self._recomputation is not None:
            self._recomputation.check_over()

    async def emit(self, drafts: Sequence[EventDraft]) -> None:
        """Emit the drafts that the log does not have."""
        if self._recomputation is not None:
            drafts = await self._new_drafts(self._recomputation, drafts)
        pacer = self.pacer
        for index, draft in enumerate(drafts, start=1):
            # Looked at each time, since the pace may change.
            if pacer.bars_per_s is not None:
                await pacer.wait_due(draft.bar)
            elif index % _EMITS_PER_TURN == 0:
                pacer.bar = draft.bar
                await self._store.wait_room()
            await self.pacer.wait_resumed()
            self._writer.emit(draft)

    async def _new_drafts(
        self, recomputation: Recomputation, drafts: Sequence[EventDraft]
    ) -> Sequence[EventDraft]:
        """Return the drafts that the log does not have, after comparing those that it has."""
        new_drafts = await recomputation.new_drafts(drafts)
        if new_drafts:
            # So that the first new bar comes as long after the last one in the log as in any run.
            self.pacer.begin(at_bar=recomputation.bar)
            self._recomputation = None
        return new_drafts
