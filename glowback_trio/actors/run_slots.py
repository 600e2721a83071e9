"""Run slots: how many runs are computed at once, and whose turn it is.

A run holds a slot while it is computed, for a slice of time at once while others wait. Between its
turns its work is laid aside as it is. A run that waits for somebody holds no slot: it is paused, it
waits for its pace, or its readers are behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping

import trio
from attrs import define, field

from glowback_trio.compute import Compute, Job, Step, carry_out, last_step

__all__ = ["RunSlots", "SlotTurn", "compute_in_turns"]

#: Seconds for which a run is computed while others wait.
SLICE_S = 0.25
# An owner may have so many times the work in hand of what is left for others, so that one who comes
# later always finds some room, however many runs there are.
_SHARE = 4


@define(eq=False)
class SlotTurn:
    """One run's turns at the slots, from its submission to its end. Made by `RunSlots.request`.

    Attributes:
        name: What holds the slot, for those who look: a run's id.
        owner: On whose account.
        priority: Higher ones go first.
        on_drop: Called when the work that is laid aside has to make room: it begins again later.
        dropped: True once it has.
    """

    name: str
    owner: str
    priority: int
    _slots: RunSlots
    on_drop: Callable[[], object] | None = field(default=None, init=False)
    dropped: bool = field(default=False, init=False)
    paused: bool = field(default=False, init=False)
    #: When the present slice began.
    since: float = field(default=0.0, init=False)
    #: When the job last made a step, as if the time without a slot had not passed; and how long
    #: before the slot was taken away that was.
    moved: float = field(default=0.0, init=False)
    _unmoved: float = field(default=0.0, init=False)
    #: True from one `wait` to the next, but for sending: then the slot cannot be taken away.
    _at_work: bool = field(default=False, init=False)
    _over: bool = field(default=False, init=False)
    #: Set when the slot is given; another one each time that it is waited for.
    _given: trio.Event = field(factory=trio.Event, init=False)
    #: Set when the turn has to be looked at before its slice is over.
    _look: trio.Event = field(factory=trio.Event, init=False)

    async def wait(self) -> None:
        """Wait for the slot. It is given on first, if it is another one's turn or paused."""
        self._at_work = False
        self._slots.reconsider(self)
        while not self._slots.holds(self):
            await self._given.wait()
        self._at_work = True

    async def pass_on(self, step: Step, send: trio.MemorySendChannel[Step]) -> None:
        """Send a step; a run that is paused meanwhile holds no slot."""
        self.moved = trio.current_time()
        self._at_work = False
        await send.send(step)
        self._at_work = True

    async def drive(self, stop: Callable[[], object], go: Callable[[], object]) -> None:
        """Be the task that stops work at the end of a turn and lets it go on at the next."""
        # A process may have had to be started first: the work begins only now.
        self.since = trio.current_time()
        while True:
            while self._slots.holds(self) and not self._slots.must_give_way(self):
                self._look = trio.Event()
                with trio.move_on_after(SLICE_S):
                    await self._look.wait()
            stop()
            await self.wait()
            go()

    def pause(self) -> None:
        """Take no more turns until `resume`. Idempotent."""
        self.paused = True
        self._look.set()
        if not (self._at_work and self._slots.holds(self)):
            self._slots.reconsider(self)

    def resume(self) -> None:
        """Take turns again. Idempotent."""
        if self.paused:
            self.paused = False
            self._slots.reconsider(self)

    def rest(self) -> None:
        """Give the slot back: the work is done, or has been dropped."""
        self._at_work = False
        self._over = not self.dropped
        self._slots.put_away(self)

    def begin_again(self) -> None:
        """Want a slot once more: for work that was dropped, or for further work."""
        self.dropped = self._over = False
        self._slots.reconsider(self)

    def end(self) -> None:
        """Give everything back: the run has ended. Idempotent."""
        self._over = True
        self.on_drop = None
        self._slots.remove(self)

    @property
    def wants_slot(self) -> bool:
        """True if it is to be computed now."""
        return not (self.paused or self._over or self.dropped)

    def give(self) -> None:
        """Note that it has its slot."""
        self.since = trio.current_time()
        self.moved = self.since - self._unmoved
        self._given.set()

    def take(self) -> None:
        """Note that it has its slot no longer."""
        self._unmoved = trio.current_time() - self.moved
        self._given = trio.Event()

    def drop(self) -> None:
        """Give up the work that is laid aside."""
        self.dropped = True
        if self.on_drop is not None:
            self.on_drop()


@define(eq=False)
class RunSlots:
    """A fixed number of slots. A slot that is free goes to the highest priority that waits.

    Among equals it goes to the owner who holds the fewest slots, then to the one who was served the
    longest ago, so that one owner with a thousand runs does not make the others wait for them all.
    Of an owner's own runs new ones go first, in the order in which they came, and then the one that
    has waited longest; so a short run is soon done.

    A slot is requested synchronously, because tasks that are started together begin in no
    particular order.

    Args:
        slots: How many there are.
        live: How many runs may have begun and not ended.
        parked: How much work may be laid aside between its turns.
    """

    slots: int
    live: int = 1000
    parked: int = 16
    #: In the order in which they got their slots.
    _holders: dict[SlotTurn, None] = field(factory=dict, init=False)
    #: In the order of arrival.
    _queue: dict[SlotTurn, None] = field(factory=dict, init=False)
    #: All that have not had their first slot, those that have and whose run has not ended, and
    #: those with work in hand.
    _new: dict[SlotTurn, None] = field(factory=dict, init=False)
    _live: dict[SlotTurn, None] = field(factory=dict, init=False)
    _begun: dict[SlotTurn, None] = field(factory=dict, init=False)
    #: How many slots had been given when an owner got the latest one.
    _served: dict[str, int] = field(factory=dict, init=False)
    _given: int = field(default=0, init=False)
    _freed: trio.Event = field(factory=trio.Event, init=False)

    @property
    def free(self) -> int:
        """How many slots are free while nothing waits for one."""
        return 0 if self._queue else self.slots - len(self._holders)

    async def wait_free(self) -> None:
        """Wait until a slot is free while nothing waits for one."""
        while not self.free:
            self._freed = trio.Event()
            await self._freed.wait()

    @property
    def waiting(self) -> int:
        """How many runs have not begun."""
        return len(self._new)

    @property
    def begun(self) -> int:
        """How many runs have begun and not ended."""
        return len(self._live)

    @property
    def laid_aside(self) -> int:
        """How many runs have work in hand and no slot."""
        return sum(turn not in self._holders for turn in self._begun)

    @property
    def holders(self) -> Collection[SlotTurn]:
        """The turns that hold a slot now."""
        return self._holders

    def stuck(self, after_s: float) -> Mapping[str, float]:
        """Return who has held a slot for longer than this without a step, and for how many seconds.

        Code that does not return, such as a strategy's, keeps its slot while nobody else waits.
        """
        now = trio.current_time()
        unmoved = {turn.name: now - turn.moved for turn in self._holders}
        return {name: seconds for name, seconds in unmoved.items() if seconds > after_s}

    def request(self, owner: str = "", priority: int = 0, name: str = "") -> SlotTurn:
        """Request a slot; `SlotTurn.wait` waits for it.

        Args:
            owner: On whose account.
            priority: Higher ones go first.
            name: What holds the slot then.
        """
        turn = SlotTurn(name, owner, priority, self)
        self._new[turn] = None
        self.reconsider(turn)
        return turn

    async def answer(self, job: Job, compute: Compute, owner: str = "", priority: int = 0) -> Step:
        """Have work that is no run carried out, in turn with the runs; return its last step.

        Args:
            job: The work.
            compute: Where it is carried out.
            owner: As for `request`.
            priority: As for `request`.
        """
        turn = self.request(owner, priority, repr(job))
        try:
            return await last_step(job, compute, turn)
        finally:
            turn.end()

    def further(self, turn: SlotTurn) -> SlotTurn:
        """Return another turn for the work of one that has begun; it wants no slot yet."""
        other = SlotTurn(turn.name, turn.owner, turn.priority, self)
        other.rest()
        return other

    def holds(self, turn: SlotTurn) -> bool:
        """Return whether a turn has its slot now."""
        return turn in self._holders

    def reconsider(self, turn: SlotTurn) -> None:
        """Let a turn give its slot on or ask for one, as is right for it now."""
        if turn in self._holders:
            if not self.must_give_way(turn):
                return
            del self._holders[turn]
            turn.take()
        if not turn.wants_slot:
            self._queue.pop(turn, None)
        elif turn not in self._holders:
            self._queue.setdefault(turn)
        self._give()

    def must_give_way(self, turn: SlotTurn) -> bool:
        """Return whether one that holds a slot is to give it on; otherwise it may have a slice."""
        if not turn.wants_slot:
            return True
        if (now := trio.current_time()) < turn.since + SLICE_S:
            return False
        other = self._next(leaving=turn)
        if other is not None and self._rank(other, turn) <= self._rank(turn, turn):
            return True
        turn.since = now
        return False

    def put_away(self, turn: SlotTurn) -> None:
        """Take back a turn's slot, and its work in hand."""
        self._begun.pop(turn, None)
        if turn in self._holders:
            del self._holders[turn]
            turn.take()
        self._queue.pop(turn, None)
        self._give()

    def remove(self, turn: SlotTurn) -> None:
        """Take back all that a turn has."""
        self._new.pop(turn, None)
        self._live.pop(turn, None)
        self.put_away(turn)

    def _give(self) -> None:
        while self._queue and len(self._holders) < self.slots:
            if (turn := self._next()) is None:
                if not self._drop_paused():
                    break
                continue
            del self._queue[turn]
            self._new.pop(turn, None)
            self._holders[turn] = self._live[turn] = self._begun[turn] = None
            self._given += 1
            self._served[turn.owner] = self._given
            turn.give()
        self._forget_absent()
        if self.free:
            self._freed.set()

    def _next(self, leaving: SlotTurn | None = None) -> SlotTurn | None:
        """Return whose turn it is, of those that wait and for whose work there is room.

        Args:
            leaving: Does not count as one that holds a slot.
        """
        owners = Counter(turn.owner for turn in self._begun)
        left = self.slots + self.parked - len(self._begun)
        room = [
            turn
            for turn in self._queue
            if turn in self._begun
            or (
                owners[turn.owner] < _SHARE * left
                and (turn in self._live or len(self._live) < self.live)
            )
        ]
        # The first of equals is the one that came first: dicts keep that order.
        return min(room, key=lambda turn: self._rank(turn, leaving), default=None)

    def _rank(self, turn: SlotTurn, leaving: SlotTurn | None) -> tuple[int, int, int, bool]:
        """Return what decides among turns that wait."""
        held = sum(one.owner == turn.owner for one in self._holders if one is not leaving)
        return -turn.priority, held, self._served.get(turn.owner, 0), turn not in self._new

    def _drop_paused(self) -> bool:
        """Drop the work of the run that was laid aside first and is paused, if others need room.

        Somebody who pauses may never come back. The work is done again when the run is resumed.
        """
        if len(self._live) >= self.live and all(turn not in self._live for turn in self._queue):
            return False
        for turn in self._begun:
            if turn.paused and turn not in self._holders:
                del self._begun[turn]
                turn.drop()
                return True
        return False

    def _forget_absent(self) -> None:
        """Forget when owners were served who neither hold nor wait: there may be any number."""
        present = {turn.owner for turns in (self._holders, self._queue) for turn in turns}
        for owner in self._served.keys() - present:
            del self._served[owner]


async def compute_in_turns(
    compute: Compute,
    job: Job,
    send: trio.MemorySendChannel[Step],
    turn: SlotTurn,
    rested: trio.Event,
) -> None:
    """Be the task that has a run's job carried out, in its turns.

    Args:
        compute: Where the work is carried out.
        job: The work.
        send: Takes its steps.
        turn: The run's turns.
        rested: Set when the work is done, or was dropped.
    """
    with trio.CancelScope() as scope:
        turn.on_drop = scope.cancel
        try:
            await carry_out(compute, job, send, turn)
        finally:
            turn.rest()
            rested.set()
