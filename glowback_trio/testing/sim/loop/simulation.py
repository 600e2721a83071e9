"""One round: trio's loop, driven one task step at a time."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Any

import trio

from glowback_trio.testing.sim.loop.answers import Answers
from glowback_trio.testing.sim.loop.choices import Deviation, Script
from glowback_trio.testing.sim.loop.clock import VirtualClock
from glowback_trio.testing.sim.loop.ending import Ending, Limits
from glowback_trio.testing.sim.loop.ready import Ready
from glowback_trio.testing.sim.loop.record import Record
from glowback_trio.testing.sim.loop.threads import Threads
from glowback_trio.testing.sim.loop.trace import Step
from glowback_trio.testing.sim.loop.trio_internals import Loop, counter_of
from glowback_trio.testing.sim.loop.waits import place

__all__ = ["Simulation"]

# Real seconds that a real socket is given to wake a task.
_GRACE = 0.01
# Real seconds after which a thread of the program's own counts as one that will not wake anybody.
_THREAD_GRACE = 30.0
# The same for a worker thread that the loop has waited for already.
_ADRIFT_GRACE = 1.0


class Simulation:
    """Runs a program once, as a script says.

    Attributes:
        record: What the round has done.
        answers: Answers what the program asks.
        ending: Why and how the round is stopped.
        clock: The virtual time.
        tape: The steps in full; None where nobody wants to know.
        error: What the program has raised.
        misuse: What is wrong with the scenario itself, which is no fault of the program.
        at_end: Called with the loop when the main function has ended and nothing was wrong.
    """

    def __init__(
        self,
        scenario: Callable[[], Awaitable[object]],
        script: Script,
        limits: Limits,
        threads: Threads,
        *,
        records: bool = False,
        noted_faults: Collection[str] = (),
    ) -> None:
        self._scenario = scenario
        self._script = script
        self._threads = threads
        self._foreign = set(threading.enumerate())
        self._scope = trio.CancelScope()
        self.record = Record(noted_faults)
        self.answers = Answers(script, self.record)
        self._ready = Ready(script, self.record)
        # Trio's own tasks, which run at once and are no choice.
        self._urgent: deque[Any] = deque()
        self._is_over = False
        self.tape: list[Step] | None = [] if records else None
        self.error: BaseException | None = None
        self.misuse: TypeError | None = None
        self.at_end: Callable[[Loop], None] | None = None
        self.clock = VirtualClock()
        self._loop = Loop(self._main, self.clock, _name(scenario))
        self._first = counter_of(self._loop.runner.init_task)
        self.ending = Ending(self._loop, self.record, limits)

    async def _main(self) -> None:
        with self._scope:
            awaitable = self._scenario()
            if not hasattr(awaitable, "__await__"):
                self.misuse = TypeError(
                    f"scenario must be an async function without arguments; it gave {awaitable!r}"
                )
                raise self.misuse
            await awaitable

    def run(self) -> None:
        """Run the program to its end, or to a verdict and as far as it ends then."""
        try:
            with suppress(StopIteration):
                self._drive()
        finally:
            self.error = self._loop.error
            self._loop.close()

    def _drive(self) -> None:
        loop, queue, clock, record = self._loop, self._loop.ready, self.clock, self.record
        ready, waiting, late = self._ready, self._ready.waiting, self._ready.late
        running, order, first = self._threads.running, self.record.order, self._first
        asks_faults = bool(self._script.faults) or self._script.pending is not None
        asks_faults = asks_faults or record.deadlines is not None
        own, urgent = self._loop.own_tasks, self._urgent
        advance, ending, has_news = loop.advance, self.ending, loop.has_news
        has_no_tape = self.tape is None
        while True:
            if queue:
                if len(queue) == 1 and queue[0] not in own:
                    waiting.append(queue.popleft())
                else:
                    self._collect()
            if urgent:
                queue.append(urgent.popleft())
                advance()
                continue
            if running or has_news(clock.now):
                self._attend()
                continue
            if not waiting and not late:
                self._idle()
                continue
            step = record.steps = record.steps + 1
            if asks_faults and not self._strike(step):
                record.steps -= 1  # the only ready task is held back
                continue
            task = ready.take(step)
            number = counter_of(task) - first
            order.append(number)
            queue.append(task)
            if has_no_tape:
                advance()
            else:
                self._advance_on_tape(task, number)
            if step >= ending.last_step:
                self._collect()
                ending.for_steps()
                self._wind_up()

    def _collect(self) -> None:
        """Take the tasks that have become ready, in the order in which they were started.

        Trio wakes them out of sets, in an order that depends on addresses.
        """
        loop, queue = self._loop, self._loop.ready
        for task in sorted(queue, key=counter_of) if len(queue) > 1 else queue:
            (self._urgent if task in loop.own_tasks else self._ready.waiting).append(task)
        queue.clear()
        if not self._is_over and loop.runner.main_task_outcome is not None:
            self._is_over = True
            self._wind_up()
            if self.at_end is not None and self.ending.verdict is None:
                self.at_end(loop)

    def _wind_up(self) -> None:
        """Let nothing deviate or fail from now on."""
        self._ready.release()
        self._ready.is_plain = self.answers.is_mute = True

    def _attend(self) -> None:
        """Let deadlines, threads and callbacks come in."""
        if self._threads.running:
            self._threads.wait()
        self._loop.attend(self.clock.now)

    # Faults that come between two steps.

    def _strike(self, step: int) -> bool:
        """Bring the faults of a step. Return whether a task is still ready."""
        if self._ready.is_plain:
            return True
        script, record = self._script, self.record
        if record.deadlines is not None and self._is_ahead(self._loop.next_deadline()):
            record.deadlines.append(step)
        faults = script.faults.pop(step, [])
        self.answers.arm([each for each in faults if each.what in {"closed", "broken"}])
        for each in faults:
            if each.what not in {"closed", "broken"} and not self._bring(each.what, step):
                record.misfits.append(each)
        is_due = script.pending is not None and step >= script.pending_from
        if is_due and self._bring(str(script.pending), step):
            script.pending = None
        return bool(self._ready.waiting or self._ready.late)

    def _bring(self, what: str, step: int) -> bool:
        """Bring a fault. Return whether it could come now."""
        hit = ""
        if what == "cancel":
            main = self._loop.main_task
            hit = f"{main.name} at {place(main)}"
            self._scope.cancel("the simulation cancels the scenario")
        elif what == "timeout" and self._is_ahead(deadline := self._loop.next_deadline()):
            hit = f"the deadline at {deadline:g} s"
            self._pass_to(deadline)
        elif what == "slow" and (task := self._ready.hold(step)) is not None:
            hit = f"{task.name} at {place(task)}"
        if hit:
            self.record.deviate(what, place=hit)
            self._collect()
        return bool(hit)

    # Nobody is ready.

    def _idle(self) -> None:
        """Wake somebody: by idleness, the outside, or time; or find that nobody can."""
        loop, ready = self._loop, self._ready
        deadline = loop.next_deadline()
        if ready.held and (loop.has_idle_waiters() or not self._is_ahead(deadline)):
            ready.release()
            return
        if loop.wake_idle() or (loop.waits_for_system() and loop.ask_system(_GRACE)):
            return
        if (
            self._threads.adrift
            and self.ending.verdict is None
            and self._is_woken_outside(_ADRIFT_GRACE)
        ):
            return
        if deadline > self.ending.last_second and deadline < math.inf:
            self.ending.for_seconds()
            self._wind_up()
        elif deadline < math.inf:
            ready.pass_time()
            self._pass_to(deadline)
        elif not self._is_woken_outside(_THREAD_GRACE if self.ending.verdict is None else _GRACE):
            self.ending.for_deadlock()
            self._wind_up()

    def _is_ahead(self, deadline: float) -> bool:
        """Return whether a deadline passes within the time that the round may take."""
        return deadline < math.inf and deadline <= self.ending.last_second

    def _pass_to(self, deadline: float) -> None:
        self.clock.now = max(deadline, self.clock.now)
        self._loop.attend(self.clock.now)

    def _is_woken_outside(self, patience: float) -> bool:
        """Wait for threads of the program's own, and for sockets."""
        waited = 0.0
        while waited < patience:
            own = set(threading.enumerate()) - self._foreign - self._threads.workers
            if self._loop.has_news(self.clock.now) or self._loop.ask_system(_GRACE):
                return True
            if not own and not self._threads.adrift and not self._loop.waits_for_system():
                return self._loop.has_news(self.clock.now)
            waited += _GRACE
        return False

    # The tape.

    def _advance_on_tape(self, task: Any, number: int) -> None:
        time, record = self.clock.now, self.record
        try:
            self._loop.advance()
        finally:
            taken = [each for each in record.taken if each.step == record.steps]
            assert self.tape is not None
            self.tape.append(self._step(task, number, time, tuple(taken)))

    def _step(self, task: Any, number: int, time: float, taken: tuple[Deviation, ...]) -> Step:
        record = self.record
        return Step(
            number=record.steps,
            time=time,
            task=number,
            name=task.name,
            ready=record.widths.get(record.steps, 1),
            deviations=taken,
            waits_at=place(task) if task.coro.cr_frame is not None else "",
            fault="; ".join(record.places[each] for each in taken if each in record.places),
            asked={each: record.asked[each] for each in taken if each in record.asked},
        )


def _name(scenario: Callable[[], Awaitable[object]]) -> str:
    """Return the name of the scenario, as trio names tasks."""
    function = getattr(scenario, "func", scenario)  # of a partial
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    return f"{module}.{name}" if name else repr(scenario)
