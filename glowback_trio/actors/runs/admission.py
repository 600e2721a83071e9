"""Admission: whether a gateway takes on more work."""

from __future__ import annotations

from attrs import define, field

from glowback_trio.actors.event_loop import EventLoop
from glowback_trio.actors.run_slots import RunSlots
from glowback_trio.data import Source
from glowback_trio.data.loading import raise_problems
from glowback_trio.errors import (
    GatewayClosedError,
    LiveRunsFullError,
    QueueFullError,
    StoreError,
)
from glowback_trio.memory import Memory
from glowback_trio.model.bounds import MaxLen, MinLen, Pattern, check_type, violations
from glowback_trio.model.request import BacktestRequest
from glowback_trio.store import Store

__all__ = ["Admission", "check_names"]

# As long as databases index it, and as long as the header of HTTP may be.
_KEY = (MinLen(1), MaxLen(255))
# No database stores half a surrogate pair, and PostgreSQL no NUL.
_TEXT = Pattern(r"[^\x00\ud800-\udfff]*", "text without NUL and halves of surrogate pairs")


def check_names(key: str | None, owner: str) -> None:
    """Check that stores can keep whose something is, and by which key it is found.

    Raises:
        InvalidRequestError: They cannot.
    """
    of_key = () if key is None else violations(key, (*_KEY, _TEXT))
    raise_problems(problem.under("key") for problem in of_key)
    raise_problems(problem.under("owner") for problem in violations(owner, (_TEXT,)))


@define(eq=False)
class Admission:
    """Admits work to a gateway, or refuses it.

    Attributes:
        closed: Why no new work is accepted; None while it is.
    """

    _loop: EventLoop
    _source: Source
    _slots: RunSlots
    _max_queued: int
    _memory: Memory
    _store: Store
    closed: str | None = field(default=None, init=False)

    def check_run(
        self, request: BacktestRequest, key: str | None, owner: str, *, checked: bool
    ) -> None:
        """Check that a run may be queued; see `Gateway.submit`."""
        self.check("gateway.submit", request, checked=checked)
        check_names(key, owner)
        # They may be paused, or have a slow pace: nobody knows when one will end.
        if self._slots.begun >= self._slots.live:
            raise LiveRunsFullError(self._slots.live)
        if not self._store.writable:
            raise StoreError("No new runs are accepted: the store cannot be written at the moment")

    def check(self, call: str, request: BacktestRequest, *, checked: bool) -> None:
        """Check that work may be taken on."""
        if self.closed is not None:
            raise GatewayClosedError(f"No new runs are accepted: {self.closed}")
        self._loop.check(call)
        check_type("request", request, BacktestRequest)
        if not checked:
            raise_problems(self._source.problems(request))
        if self._slots.waiting >= self._max_queued:
            raise QueueFullError(self._max_queued)
        self._memory.check()
