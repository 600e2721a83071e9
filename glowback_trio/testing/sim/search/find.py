"""Find what breaks a program."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from glowback_trio.testing.sim.loop.choices import FAULTS, Deviation, Script
from glowback_trio.testing.sim.loop.trace import Trace
from glowback_trio.testing.sim.search.arguments import (
    check_count,
    check_seconds,
    known_names,
    refuse_async,
    refuse_sync,
)
from glowback_trio.testing.sim.search.finding import Finding
from glowback_trio.testing.sim.search.rounds import Bench, Round, Settings, open_bench
from glowback_trio.testing.sim.search.shrink import shrunk
from glowback_trio.testing.sim.search.strategies import (
    STRATEGIES,
    Coverage,
    Strategy,
    exhaustive,
    pct,
    shuffled,
)
from glowback_trio.testing.sim.search.token import Token
from glowback_trio.testing.sim.timeline.story import replay_call
from glowback_trio.testing.sim.world.tripwires import ALLOWABLE

__all__ = ["Search", "explore", "find", "finding_of"]


@dataclass(frozen=True, slots=True)
class Search:
    """The account of what a search has done.

    Attributes:
        finding: What it found; None for nothing.
        rounds: How many rounds it took, without those of shrinking.
        covered: Whether every round with at most `max_deviations` deviations has been run, which
            only the strategy "exhaustive" can say.
        max_deviations: The bound of the strategy "exhaustive".
    """

    finding: Finding | None
    rounds: int
    covered: bool
    max_deviations: int

    def __str__(self) -> str:
        if self.finding is not None:
            return str(self.finding)
        space = f"all rounds with at most {self.max_deviations} deviations"
        covered = f": that is {space}" if self.covered else ""
        return f"nothing found in {self.rounds} rounds{covered}"


def find(
    scenario: Callable[[], Awaitable[object]],
    check: Callable[[], object] | None = None,
    *,
    rounds: int = 1000,
    strategy: str = "random",
    faults: Sequence[str] = (),
    seed: int = 0,
    max_steps: int = 100_000,
    max_virtual_s: float = 86_400,
    max_deviations: int = 2,
    max_lines: int | None = None,
    allow: Sequence[str] = (),
) -> Finding | None:
    """Run a scenario in many orders and with many faults, until something is wrong.

    Each round is a run of trio's loop of its own, in virtual time.

    Args:
        scenario: An async function without arguments.
        check: Called after each round that raised nothing; raises when the end state is wrong. A
            plain function: no trio loop runs by then.
        rounds: How many rounds to try.
        strategy: "random" shuffles ready tasks; "pct" gives them priorities that change at random
            steps; "exhaustive" tries everything with at most `max_deviations` deviations from the
            default, the fewest first.
        faults: What else may happen in a round, once: "cancel" (the scenario is cancelled at a
            step), "timeout" (time jumps to the nearest deadline), "closed" and "broken" (an
            operation on a memory channel or stream raises), "slow" (a task is held back).
        seed: Another seed tries other rounds.
        max_steps: A round that takes more task steps is a livelock.
        max_virtual_s: So is one that takes more virtual seconds.
        max_deviations: The bound of "exhaustive".
        max_lines: How many lines of the program one task step may execute; a loop without a
            checkpoint executes more. Counting them makes a round several times slower.
        allow: What of the outside the program may read: "clock" (it gets virtual time), "entropy"
            (it gets the same numbers in every round), "sockets" (it gets real ones).

    Returns:
        The first thing found, with as few deviations as could be; None when there was none.

    Raises:
        ValueError: There is no such strategy, fault, or thing to allow; or a number is no number of
            rounds, steps, lines, deviations or seconds.
        TypeError: `check` is async, or `scenario` is not; or one of them takes arguments.
    """
    return explore(
        scenario,
        check,
        rounds=rounds,
        strategy=strategy,
        faults=faults,
        seed=seed,
        max_steps=max_steps,
        max_virtual_s=max_virtual_s,
        max_deviations=max_deviations,
        max_lines=max_lines,
        allow=allow,
    ).finding


def explore(
    scenario: Callable[[], Awaitable[object]],
    check: Callable[[], object] | None = None,
    *,
    rounds: int = 1000,
    strategy: str = "random",
    faults: Sequence[str] = (),
    seed: int = 0,
    max_steps: int = 100_000,
    max_virtual_s: float = 86_400,
    max_deviations: int = 2,
    max_lines: int | None = None,
    allow: Sequence[str] = (),
) -> Search:
    """Do what `find` does, and say how much was tried.

    Raises:
        ValueError: There is no such strategy, fault, or thing to allow; or a number is no number of
            rounds, steps, lines, deviations or seconds.
        TypeError: `check` is async, or `scenario` is not; or one of them takes arguments.
    """
    refuse_sync(scenario)
    refuse_async(check)
    for name, value in (("rounds", rounds), ("max_steps", max_steps), ("max_lines", max_lines)):
        if value is not None:
            check_count(name, value)
    check_count("max_deviations", max_deviations, least=0)
    check_seconds("max_virtual_s", max_virtual_s)
    settings = Settings(
        known_names("faults", faults, FAULTS),
        max_steps,
        max_virtual_s,
        max_lines,
        known_names("allow", allow, ALLOWABLE),
    )
    coverage = Coverage(max_deviations)
    ways = _ways(strategy, settings.faults, seed, coverage)
    noted = settings.faults if strategy == "exhaustive" else ()
    with open_bench(scenario, check, settings) as bench:
        found = _first_wrong(bench, ways, rounds, noted)
        number = bench.rounds
        finding = None if found is None else _shrunk_finding(bench, found, strategy, seed)
    return Search(finding, number, coverage.is_complete, max_deviations)


def _first_wrong(bench: Bench, ways: Strategy, rounds: int, noted: Sequence[str]) -> Round | None:
    try:
        script = next(ways)
        while bench.rounds < rounds:
            done = bench.run(script, noted_faults=noted)
            if done.kind:
                return done
            script = ways.send(done)
    except StopIteration:
        pass
    return None


def _shrunk_finding(bench: Bench, found: Round, strategy: str, seed: int) -> Finding:
    number = bench.rounds
    plan = shrunk(bench, found)
    failing = bench.run(Script(plan), records=True)
    if failing.exception is None or failing.sign != found.sign:
        raise RuntimeError(
            "the scenario ends otherwise when the same round is run again, so something in it "
            "depends on what the simulation does not decide. assert_deterministic() finds the step"
        ) from found.exception
    return finding_of(bench, failing, strategy, seed, number)


def finding_of(bench: Bench, failing: Round, strategy: str, seed: int, number: int) -> Finding:
    """Return what a round has found, which was the `number`-th of its search."""
    token = _token(failing, bench.settings, strategy, seed)
    assert failing.exception is not None
    assert failing.trace is not None
    failing.exception.add_note(f"replay it with: {replay_call(str(token), failing.kind)}")
    return Finding(
        token=str(token),
        exception=failing.exception,
        kind=failing.kind,
        steps=failing.steps,
        deviations=len(failing.taken),
        rounds=number,
        failing=failing.trace,
        passing=_nearest_passing(bench, failing.taken),
    )


def _nearest_passing(bench: Bench, plan: Sequence[Deviation]) -> Trace | None:
    """Return a round with one deviation less, the last if possible, in which nothing is wrong."""
    for place in reversed(range(len(plan))):
        done = bench.run(Script((*plan[:place], *plan[place + 1 :])), records=True)
        if not done.kind:
            return done.trace
    return None


def _token(done: Round, settings: Settings, strategy: str, seed: int) -> Token:
    return Token(
        strategy=strategy,
        seed=seed,
        kind=done.kind,
        deviations=done.taken,
        steps=done.steps,
        max_steps=settings.max_steps,
        max_virtual_s=settings.max_virtual_s,
        max_lines=settings.max_lines,
        fingerprint=done.fingerprint,
    )


def _ways(strategy: str, faults: tuple[str, ...], seed: int, coverage: Coverage) -> Strategy:
    if strategy == "random":
        return shuffled(seed, faults)
    if strategy == "pct":
        return pct(seed, faults)
    if strategy == "exhaustive":
        return exhaustive(faults, coverage)
    raise ValueError(f"strategy must be one of {', '.join(STRATEGIES)}, and is {strategy!r}")
