"""Repeat what was found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from glowback_trio.testing.sim.errors import StaleTokenError
from glowback_trio.testing.sim.loop.choices import FAULTS, Script
from glowback_trio.testing.sim.search.arguments import known_names, refuse_async, refuse_sync
from glowback_trio.testing.sim.search.find import finding_of
from glowback_trio.testing.sim.search.finding import Finding
from glowback_trio.testing.sim.search.rounds import Bench, Round, Settings, open_bench
from glowback_trio.testing.sim.search.token import Token, read_token
from glowback_trio.testing.sim.world.tripwires import ALLOWABLE

__all__ = ["recall", "replay"]


def replay(
    scenario: Callable[[], Awaitable[object]],
    token: str,
    check: Callable[[], object] | None = None,
    *,
    allow: Sequence[str] = (),
) -> None:
    """Run the round of a token, and raise what was found in it.

    Args:
        scenario: The scenario in which it was found.
        token: `Finding.token`.
        check: The check with which it was found; None where there was none.
        allow: What the program may read, as for `find`.

    Returns when the scenario takes the same steps as it did then and nothing is wrong any more.

    Raises:
        StaleTokenError: The token is damaged; or the scenario takes other steps than it did when
            the token was made, and nothing is wrong with them.
        TypeError: `check` is async, or `scenario` is not; or one of them takes arguments; or a
            check has found what the token is of, and none is given.
    """
    read = read_token(token)
    with _bench_of(read, scenario, check, allow) as bench:
        done = _repeated(bench, read)
    if done.exception is not None:
        done.exception.add_note(f"in the replay of {token}")
        raise done.exception


def recall(
    scenario: Callable[[], Awaitable[object]],
    token: str,
    check: Callable[[], object] | None = None,
    *,
    allow: Sequence[str] = (),
) -> Finding | None:
    """Run the round of a token, and return what is wrong in it.

    Args:
        scenario: The scenario in which it was found.
        token: `Finding.token`.
        check: The check with which it was found; None where there was none.
        allow: What the program may read, as for `find`.

    Returns:
        The finding, whose token fits the program as it is now; None when the scenario takes the
        same steps as it did then and nothing is wrong any more.

    Raises:
        StaleTokenError: The token is damaged; or the scenario takes other steps than it did when
            the token was made, and nothing is wrong with them.
        TypeError: `check` is async, or `scenario` is not; or one of them takes arguments; or a
            check has found what the token is of, and none is given.
    """
    read = read_token(token)
    with _bench_of(read, scenario, check, allow) as bench:
        done = _repeated(bench, read, records=True)
        if done.exception is None:
            return None
        return finding_of(bench, done, read.strategy, read.seed, 1)


@contextmanager
def _bench_of(
    token: Token,
    scenario: Callable[[], Awaitable[object]],
    check: Callable[[], object] | None,
    allow: Sequence[str],
) -> Iterator[Bench]:
    refuse_sync(scenario)
    refuse_async(check)
    if token.kind == "check" and check is None:
        raise TypeError(
            "a check has found what the token is of, and without it the round would pass: "
            "replay(scenario, token, check)"
        )
    settings = Settings(
        tuple({each.what for each in token.deviations}.intersection(FAULTS)),
        token.max_steps,
        token.max_virtual_s,
        token.max_lines,
        known_names("allow", allow, ALLOWABLE),
    )
    with open_bench(scenario, check, settings) as bench:
        yield bench


def _repeated(bench: Bench, token: Token, *, records: bool = False) -> Round:
    done = bench.run(Script(token.deviations), records=records)
    parted = _how_it_parted(token, done)
    if not parted:
        return done
    if done.exception is None:
        raise StaleTokenError(
            f"the token does not fit the program: {parted}. Nothing is wrong in this round; look "
            "for the fault again with find()"
        )
    done.exception.add_note(f"{parted}, so this may be another fault")
    return done


def _how_it_parted(token: Token, done: Round) -> str:
    if done.misfits:
        first = min(done.misfits)
        return f"at step {first.step} it is not possible any more that {first}"
    if done.steps != token.steps:
        return f"it takes {done.steps} task steps, and took {token.steps} when the token was made"
    if done.fingerprint != token.fingerprint:
        return "its tasks run in another order than when the token was made"
    return ""
