"""Rounds of one scenario: what each found."""

from __future__ import annotations

import gc
import zlib
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import trio

from glowback_trio.testing.sim.errors import LeakError
from glowback_trio.testing.sim.loop.choices import Deviation, Script
from glowback_trio.testing.sim.loop.ending import Limits
from glowback_trio.testing.sim.loop.points import enter, leave
from glowback_trio.testing.sim.loop.simulation import Simulation
from glowback_trio.testing.sim.loop.threads import Threads
from glowback_trio.testing.sim.loop.trace import Trace
from glowback_trio.testing.sim.loop.trio_internals import check_trio
from glowback_trio.testing.sim.loop.waits import place
from glowback_trio.testing.sim.world.channels import failing_channels
from glowback_trio.testing.sim.world.line_budget import LineBudget
from glowback_trio.testing.sim.world.resources import Belongings, ResourceWarnings, collecting
from glowback_trio.testing.sim.world.tripwires import Tripwires

__all__ = ["Bench", "Round", "Settings", "open_bench"]

# Rounds after which all generations of garbage are collected.
_ROUNDS_PER_COLLECTION = 100

Scenario = Callable[[], Awaitable[object]]
Check = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings that hold for every round of a search.

    Attributes:
        faults: Which faults may strike.
        max_steps: Task steps after which a round is a livelock.
        max_virtual_s: Virtual seconds after which a round is a livelock.
        max_lines: Lines of the program that one task step may execute; None for any number.
        allow: What of the outside the program may read; None to watch nothing.
    """

    faults: tuple[str, ...] = ()
    max_steps: int = 100_000
    max_virtual_s: float = 86_400
    max_lines: int | None = None
    allow: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did, and what was wrong with it.

    Attributes:
        kind: Empty where nothing was wrong; otherwise "error", "check", "deadlock", "livelock",
            "leak", "escape" or "busy".
        exception: What was wrong.
        steps: How many task steps it took.
        taken: How it deviated from the default.
        misfits: Deviations that could not be taken as they were written.
        order: The number of the task that took each step.
        widths: How many tasks were ready, wherever more than one could be.
        operations: (step, index, kinds) of what could have failed.
        deadlines: The steps at which a deadline lay ahead.
        draws: (step, which draw of the step, among how many) of every `choose`.
        trace: The steps in full, where they were asked for.
    """

    kind: str
    exception: BaseException | None
    steps: int
    taken: tuple[Deviation, ...]
    misfits: tuple[Deviation, ...]
    order: list[int] = field(repr=False)
    widths: dict[int, int] = field(repr=False)
    operations: list[tuple[int, int, tuple[str, ...]]] = field(repr=False)
    deadlines: list[int] = field(repr=False)
    draws: list[tuple[int, int, int]] = field(repr=False)
    trace: Trace | None = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """A checksum over who ran at each step, among how many."""
        text = ",".join(map(str, self.order)) + ";" + ",".join(map(str, self.widths.values()))
        return f"{zlib.crc32(text.encode()):08x}"

    @property
    def sign(self) -> tuple[str, ...]:
        """What makes two findings the same: their kind, and the types of their exceptions."""
        return (self.kind, *sorted(_types(self.exception)))


def _types(error: BaseException | None) -> Iterator[str]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _types(each)
    elif error is not None:
        yield type(error).__qualname__


def _is_of_program(error: BaseException) -> bool:
    """Return whether an exception is a fault of the program, not somebody's wish to stop."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_of_program, error.exceptions))
    return isinstance(error, Exception | trio.Cancelled)


class Bench:
    """Runs rounds of one scenario."""

    def __init__(self, scenario: Scenario, check: Check | None, settings: Settings) -> None:
        self.scenario = scenario
        self.settings = settings
        self._check = check
        self._warnings = ResourceWarnings()
        self._threads = Threads()
        self._tripwires = Tripwires(settings.allow or (), self._threads.is_worker)
        self._lines = LineBudget(settings.max_lines) if settings.max_lines is not None else None
        # What was there before the next round, where the last one has left it so.
        self._belongings: Belongings | None = None
        #: How many rounds there have been.
        self.rounds = 0

    @contextmanager
    def open(self) -> Iterator[Bench]:
        """Prepare the surroundings of the rounds in this block."""
        check_trio()
        with ExitStack() as stack:
            stack.enter_context(collecting())
            stack.enter_context(self._warnings.collected())
            stack.enter_context(self._threads.installed())
            if self.settings.allow is not None:
                stack.enter_context(self._tripwires.installed())
            if {"closed", "broken"}.intersection(self.settings.faults):
                stack.enter_context(failing_channels())
            yield self

    def run(
        self, script: Script, *, records: bool = False, noted_faults: Collection[str] = ()
    ) -> Round:
        """Run one round.

        Args:
            script: Its choices.
            records: Keep the steps in full.
            noted_faults: Note where these could have struck.

        Raises:
            BaseException: The program raised what is no `Exception`, such as `KeyboardInterrupt`.
        """
        belongings = self._belongings or Belongings()
        left: list[str] = []
        simulation = self.simulate(
            script,
            records=records,
            noted_faults=noted_faults,
            at_end=lambda loop: left.extend(_left_in(loop)),
        )
        self._belongings = None
        kind, error = self._judged(simulation, belongings, left)
        record = simulation.record
        steps = simulation.ending.step or record.steps  # without those that end what was stopped
        return Round(
            kind=kind,
            exception=error,
            steps=steps,
            taken=tuple(record.taken),
            misfits=tuple(record.misfits),
            order=record.order[:steps],
            widths=record.widths,
            operations=record.operations or [],
            deadlines=record.deadlines or [],
            draws=record.draws,
            trace=None
            if simulation.tape is None
            else Trace(tuple(simulation.tape[:steps]), kind, simulation.ending.waits),
        )

    def simulate(
        self,
        script: Script,
        *,
        records: bool = False,
        noted_faults: Collection[str] = (),
        at_end: Callable[[Any], None] | None = None,
    ) -> Simulation:
        """Run one round, and judge nothing."""
        self.rounds += 1
        if self.rounds % _ROUNDS_PER_COLLECTION == 0:
            gc.collect()  # what rounds have left to each other; its warnings are forgotten below
        self._warnings.messages.clear()
        self._threads.forget()
        if self.settings.allow is not None:
            self._tripwires.begin_round()
        simulation = Simulation(
            self.scenario,
            script,
            Limits(self.settings.max_steps, self.settings.max_virtual_s),
            self._threads,
            records=records,
            noted_faults=noted_faults,
        )
        simulation.at_end = at_end
        enter(simulation.answers)
        try:
            with self._counting(simulation):
                simulation.run()
        finally:
            leave()
        return simulation

    def _counting(self, simulation: Simulation) -> AbstractContextManager[None]:
        if self._lines is None:
            return nullcontext()
        return self._lines.counting(lambda: simulation.record.steps)

    def _judged(
        self, simulation: Simulation, belongings: Belongings, left: list[str]
    ) -> tuple[str, BaseException | None]:
        error = simulation.error
        if simulation.misuse is not None:
            raise simulation.misuse
        if error is not None and simulation.ending.verdict is None and not _is_of_program(error):
            raise error
        if simulation.ending.verdict is not None:
            kind = "deadlock" if "all tasks wait" in str(simulation.ending.verdict) else "livelock"
            return kind, simulation.ending.verdict
        if self._tripwires.tripped:
            return "escape", self._tripwires.tripped[0]
        if self._lines is not None and self._lines.exceeded is not None:
            return "busy", self._lines.exceeded
        if error is not None:
            return "error", error
        if (wrong := self._checked()) is not None:
            return "check", wrong
        gc.collect(0)  # what this round has made, and nothing older
        more = belongings.left_behind()
        self._belongings = None if more else belongings
        left = [*left, *more, *self._warnings.messages]
        if left:
            lines = "\n".join(f"  {each}" for each in left)
            return "leak", LeakError(f"the scenario has ended and left behind:\n{lines}")
        return "", None

    def _checked(self) -> Exception | None:
        try:
            value = self._check() if self._check is not None else None
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was looked for
            return error
        if hasattr(value, "__await__"):
            raise TypeError(
                "check is async, but it is called after each round, when no trio loop runs: make "
                "it a plain function, and await what it needs at the end of the scenario"
            )
        return None


def _left_in(loop: Any) -> Iterator[str]:
    """Name what lives on in the loop when the main task has ended."""
    for task in loop.program_tasks():
        yield f"task {task.name}, which waits at {place(task)}"
    for generator in loop.generators():
        yield f"async generator {generator.__qualname__}, which nobody closed"


@contextmanager
def open_bench(
    scenario: Scenario, check: Check | None = None, settings: Settings | None = None
) -> Iterator[Bench]:
    """Open a bench for rounds of a scenario."""
    with Bench(scenario, check, settings or Settings()).open() as bench:
        yield bench
