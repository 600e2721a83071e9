"""One round: trio's loop, driven one task step at a time."""

from __future__ import annotations

import math
import sys
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from glowback_trio.testing.sim.errors import DeadlockError, LivelockError
from glowback_trio.testing.sim.loop.choices import DRAW, Deviation, Script
from glowback_trio.testing.sim.loop.clock import VirtualClock
from glowback_trio.testing.sim.loop.threads import Threads
from glowback_trio.testing.sim.loop.trace import Step
from glowback_trio.testing.sim.loop.trio_internals import Loop, cancel_everything, counter_of
from glowback_trio.testing.sim.loop.waits import described, is_trio, place

__all__ = ["Limits", "Simulation"]

# A ready task that others have overtaken runs at the latest after so many steps, so that a loop
# that polls does not starve those it waits for.
_PATIENCE = 100
# A slow task is held back for so many steps and jumps of the clock.
_SLOW_TURNS = 200
# After the verdict, the tasks may take so many steps to end.
_FAREWELL = 10_000
# Real seconds that a real socket or a thread of the program's own is given to wake a task.
_GRACE = 0.01
# Real seconds after which a thread of the program's own counts as one that will not wake anybody.
_THREAD_GRACE = 30.0
# The same for a worker thread that the loop has waited for already.
_ADRIFT_GRACE = 1.0


class Limits:
    """How long a round may go on.

    Attributes:
        steps: Task steps.
        seconds: Virtual seconds.
    """

    def __init__(self, steps: int = 100_000, seconds: float = 86_400) -> None:
        self.steps = steps
        self.seconds = seconds


class Simulation:
    """Runs a program once, as a script says.

    Attributes:
        steps: How many task steps there have been.
        order: The number of the task that has taken each step.
        widths: Step -> how many tasks were ready, wherever more than one could be.
        taken: How the round has deviated from the default.
        misfits: Deviations of the script that could not be taken as they are written.
        operations: (step, index, kinds) of every operation that could have failed; None where
            nobody wants to know.
        deadlines: The steps at which a deadline lay ahead; None where nobody wants to know.
        draws: (step, which draw of the step, among how many) of every `choose`.
        verdict: Why the round was ended: a deadlock or a livelock.
        error: What the program has raised.
        tape: The steps in full; None where nobody wants to know.
        is_over: Whether the program's main function has ended.
    """

    def __init__(
        self,
        scenario: Callable[[], Awaitable[object]],
        script: Script,
        limits: Limits,
        threads: Threads,
        *,
        records: bool = False,
        notes_points: bool = False,
    ) -> None:
        self._scenario = scenario
        self._script = script
        self._limits = limits
        self._threads = threads
        self.steps = 0
        self.order: list[int] = []
        self.widths: dict[int, int] = {}
        self.taken: list[Deviation] = []
        self.misfits: list[Deviation] = []
        self.operations: list[tuple[int, int, tuple[str, ...]]] | None = (
            [] if notes_points else None
        )
        self.deadlines: list[int] | None = [] if notes_points else None
        self.draws: list[tuple[int, int, int]] = []
        self.verdict: AssertionError | None = None
        self.error: BaseException | None = None
        self.tape: list[Step] | None = [] if records else None
        self.is_over = False
        self.places: dict[Deviation, str] = {}
        #: Called when the main function has ended, while the loop still runs.
        self.at_end: Callable[[Loop], None] | None = None
        self.clock = VirtualClock()
        self._scope = trio.CancelScope()
        self._waiting: deque[Any] = deque()
        self._late: list[Any] = []
        self._late_since = 0
        self._held: list[Any] = []
        self._held_until = 0
        self._urgent: deque[Any] = deque()
        self._armed: list[Deviation] = []
        self._done_operations = 0
        self._done_draws = 0
        self._foreign = set(threading.enumerate())
        self._loop = Loop(self._main, self.clock, _name(scenario))
        self._first = counter_of(self._loop.runner.init_task)

    async def _main(self) -> None:
        with self._scope:
            awaitable = self._scenario()
            if not hasattr(awaitable, "__await__"):
                raise TypeError(
                    f"scenario must be an async function without arguments; it gave {awaitable!r}"
                )
            await awaitable

    # What a program asks for.

    def operation(self, name: str, kinds: tuple[str, ...]) -> None:
        """Raise when this operation is the one that fails."""
        index = self._done_operations
        self._done_operations += 1
        if self.verdict is not None or self.is_over:
            return
        if self.operations is not None:
            self.operations.append((self.steps, index, kinds))
        what = self._failure(index, kinds)
        if what is None:
            return
        deviation = Deviation(self.steps, what, index)
        self.taken.append(deviation)
        self.places[deviation] = f"{name}, {_caller()}"
        message = f"the simulation makes this operation fail: {name}"
        raise (
            trio.ClosedResourceError(message)
            if what == "closed"
            else trio.BrokenResourceError(message)
        )

    def _failure(self, index: int, kinds: tuple[str, ...]) -> str | None:
        for each in self._armed:
            if each.which == index and each.what in kinds:
                self._armed.remove(each)
                return each.what
        script = self._script
        if script.pending in kinds and self.steps >= script.pending_from:
            pending, script.pending = script.pending, None
            return pending
        return None

    def draw(self, count: int, name: str) -> int:
        """Return a choice among `count`."""
        number = self._done_draws
        self._done_draws += 1
        if self.verdict is not None:
            return 0
        self.draws.append((self.steps, number, count))
        written = self._script.draws.get((self.steps, number))
        if written is not None:
            value = min(written.which % DRAW, count - 1)
            if written.among != count:
                self.misfits.append(written)
        else:
            value = self._script.draw(count) if self._script.draw is not None else 0
        if value:
            self.taken.append(Deviation(self.steps, "choose", number * DRAW + value, count))
        return value

    # The loop.

    def run(self) -> None:
        """Run the program to its end, or to a verdict and as far as it ends then."""
        try:
            self._drive()
        except StopIteration:
            pass
        finally:
            self.error = self._loop.error
            self._loop.close()

    def _drive(self) -> None:
        loop, queue, waiting = self._loop, self._loop.ready, self._waiting
        script, clock, order = self._script, self.clock, self.order
        first, running = self._first, self._threads.running
        eventful = bool(script.faults) or script.pending is not None
        counts = eventful or self.deadlines is not None
        while True:
            if queue:
                self._collect()
            if self._urgent:
                queue.append(self._urgent.popleft())
                loop.advance()
                continue
            if running or loop.has_news(clock.now):
                self._attend()
                continue
            if not waiting and not self._late:
                self._idle()
                continue
            step = self.steps = self.steps + 1
            self._done_operations = self._done_draws = 0
            if counts and not self._prepared(step):
                self.steps -= 1
                continue
            task = (
                waiting.popleft()
                if len(waiting) == 1 and not self._late and not self._held
                else self._chosen(step)
            )
            number = counter_of(task) - first
            order.append(number)
            queue.append(task)
            if self.tape is None:
                loop.advance()
            else:
                self._advance_on_tape(task, number)
            if step >= self._limits.steps:
                self._stop_busy()

    def _collect(self) -> None:
        """Take the tasks that have become ready, in the order in which they were started.

        Trio wakes them out of sets, in an order that depends on addresses.
        """
        loop, queue = self._loop, self._loop.ready
        for task in sorted(queue, key=counter_of) if len(queue) > 1 else queue:
            (self._urgent if loop.is_own(task) else self._waiting).append(task)
        queue.clear()
        if not self.is_over and loop.runner.main_task_outcome is not None:
            self.is_over = True
            if self.at_end is not None and self.verdict is None:
                self.at_end(loop)

    def _attend(self) -> None:
        """Let deadlines, threads and callbacks come in."""
        if self._threads.running:
            self._threads.wait()
        self._loop.attend(self.clock.now)

    def _chosen(self, step: int) -> Any:
        """Take the task that runs next out of those that are ready."""
        waiting, late = self._waiting, self._late
        if self._held and step >= self._held_until:
            self._release_held()
        if late and (not waiting or step - self._late_since >= _PATIENCE):
            waiting.extendleft(reversed(late))
            late.clear()
        count = len(waiting) + len(late)
        choice = self._choice(step, count) if count > 1 and self.verdict is None else 0
        self.widths[step] = count
        if choice:
            self.taken.append(Deviation(step, "run", choice, count))
            return self._overtake(choice, step)
        return waiting.popleft()

    def _choice(self, step: int, count: int) -> int:
        script = self._script
        written = script.runs.get(step)
        if written is not None:
            if written.among != count:
                self.misfits.append(written)
            return min(written.which, count - 1)
        if script.pick is not None:
            return script.pick([*self._waiting, *self._late], step)
        return 0

    def _overtake(self, choice: int, step: int) -> Any:
        """Take a task that is not the first; those before it wait behind all others."""
        waiting, late = self._waiting, self._late
        if not late:
            self._late_since = step
        overtaken = min(choice, len(waiting))
        passed = [waiting.popleft() for _ in range(overtaken)]
        task = (
            waiting.popleft() if choice == overtaken and waiting else late.pop(choice - overtaken)
        )
        late.extend(passed)
        return task

    # Faults.

    def _prepared(self, step: int) -> bool:
        """Bring the faults of a step. Return whether a task is still ready."""
        if self.verdict is not None or self.is_over:
            return True
        script = self._script
        if self.deadlines is not None and self._loop.next_deadline() < math.inf:
            self.deadlines.append(step)
        self._armed.clear()
        for each in script.faults.pop(step, ()):
            if each.what in {"closed", "broken"}:
                self._armed.append(each)
            elif not self._bring(each.what, step):
                self.misfits.append(each)
        is_due = script.pending is not None and step >= script.pending_from
        if is_due and self._bring(str(script.pending), step):
            script.pending = None
        return bool(self._waiting or self._late)

    def _bring(self, what: str, step: int) -> bool:
        """Bring a fault that comes between two steps. Return whether it could."""
        place_hit = ""
        if what == "cancel":
            place_hit = self._cancel()
        elif what == "timeout":
            place_hit = self._time_out()
        elif what == "slow":
            place_hit = self._hold(step)
        if place_hit:
            deviation = Deviation(step, what)
            self.taken.append(deviation)
            self.places[deviation] = place_hit
        return bool(place_hit)

    def _cancel(self) -> str:
        hit = f"{self._loop.main_task.name} at {place(self._loop.main_task)}"
        self._scope.cancel("the simulation cancels the scenario")
        self._collect()
        return hit

    def _time_out(self) -> str:
        deadline = self._loop.next_deadline()
        if deadline == math.inf:
            return ""
        self.clock.now = max(deadline, self.clock.now)
        self._loop.attend(self.clock.now)
        self._collect()
        return f"the deadline at {deadline:g} s"

    def _hold(self, step: int) -> str:
        if self._held or not self._waiting:
            return ""
        task = self._waiting.popleft()
        self._held.append(task)
        self._held_until = step + _SLOW_TURNS
        return f"{task.name} at {place(task)}"

    def _release_held(self) -> None:
        self._waiting.extend(self._held)
        self._held.clear()

    # Nobody is ready.

    def _idle(self) -> None:
        """Wake somebody: by idleness, the outside, or time; or find that nobody can."""
        loop = self._loop
        deadline = loop.next_deadline()
        if self._held and (loop.runner.waiting_for_idle or deadline == math.inf):
            self._release_held()
            return
        if loop.wake_idle() or (loop.waits_for_system() and loop.ask_system(_GRACE)):
            return
        if self._threads.adrift and self._is_woken_outside(_ADRIFT_GRACE):
            return
        if deadline < math.inf:
            self._jump(deadline)
        elif not self._is_woken_outside(_THREAD_GRACE):
            self._stop_dead()

    def _jump(self, deadline: float) -> None:
        if deadline > self._limits.seconds and self.verdict is None:
            self._stop(
                LivelockError(
                    f"the program still runs after {self._limits.seconds:g} virtual seconds:\n"
                    + self.waits()
                )
            )
            return
        self._held_until -= 1
        self.clock.now = max(deadline, self.clock.now)
        self._loop.attend(self.clock.now)

    def _is_woken_outside(self, patience: float) -> bool:
        """Wait for threads of the program's own, and for sockets."""
        waited = 0.0
        while waited < patience:
            threads = set(threading.enumerate()) - self._foreign
            own = [each for each in threads if not each.name.startswith("Trio thread")]
            if self._loop.has_news(self.clock.now) or self._loop.ask_system(_GRACE):
                return True
            if not own and not self._threads.adrift and not self._loop.waits_for_system():
                return self._loop.has_news(self.clock.now)
            waited += _GRACE
        return False

    def _stop_dead(self) -> None:
        self._stop(DeadlockError("all tasks wait, and no deadline is left:\n" + self.waits()))

    def _stop_busy(self) -> None:
        if self.verdict is None:
            self._stop(
                LivelockError(
                    f"the program still runs after {self._limits.steps:,} task steps:\n"
                    + self.waits()
                )
            )
            self._limits = Limits(self.steps + _FAREWELL, math.inf)
        else:
            raise StopIteration

    def _stop(self, verdict: AssertionError) -> None:
        """End the round: note why, and cancel all its tasks."""
        if self.verdict is None:
            self.verdict = verdict
            self._limits = Limits(self.steps + _FAREWELL, math.inf)
        elif not self._loop.ready and self.steps >= self._limits.steps:
            raise StopIteration
        self._limits.steps -= 100  # a task that waits again each time is given up in the end
        self._release_held()
        cancel_everything(self._loop)

    def waits(self) -> str:
        """Return a line for each task of the program: where it waits, and for whom."""
        return "\n".join(described(self._loop.program_tasks()))

    # The tape.

    def _advance_on_tape(self, task: Any, number: int) -> None:
        assert self.tape is not None
        time, step = self.clock.now, self.steps
        try:
            self._loop.advance()
        finally:
            taken = tuple(each for each in self.taken if each.step == step)
            self.tape.append(
                Step(
                    number=step,
                    time=time,
                    task=number,
                    name=task.name,
                    ready=1 + len(self._waiting) + len(self._late),
                    deviations=taken,
                    waits_at=place(task) if task.coro.cr_frame is not None else "",
                    fault="; ".join(self.places[each] for each in taken if each in self.places),
                )
            )


def _name(scenario: Callable[[], Awaitable[object]]) -> str:
    """Return the name of the scenario, as trio names tasks."""
    function = getattr(scenario, "func", scenario)  # of a partial
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    return f"{module}.{name}" if name else repr(scenario)


def _caller() -> str:
    """Return the innermost line of the program on the stack."""
    frame = sys._getframe(2)  # noqa: SLF001 - the quick way to the caller's frame
    package = __name__.rpartition(".loop")[0]
    while frame.f_back is not None and (
        is_trio(frame) or str(frame.f_globals.get("__name__", "")).startswith(package)
    ):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
