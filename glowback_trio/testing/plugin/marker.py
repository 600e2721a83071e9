"""The marker `simulated`: what it takes, and which tests it is for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pytest

from glowback_trio.spelling import near_words
from glowback_trio.testing.sim.loop.choices import FAULTS
from glowback_trio.testing.sim.search.strategies import STRATEGIES
from glowback_trio.testing.sim.world.tripwires import ALLOWABLE

__all__ = ["LINE", "Simulated", "read_marker"]

#: What `pytest --markers` says.
LINE = (
    "simulated(rounds=200, strategy='random', faults=(), ...): run the async test in many rounds, "
    "each with other orders of tasks and other faults, in virtual time. Takes what "
    "glowback_trio.testing.sim.find takes, but no check."
)


@dataclass(frozen=True, slots=True)
class Simulated:
    """The arguments of the marker, by the names of `find`'s parameters."""

    rounds: int = 200
    strategy: str = "random"
    faults: Sequence[str] = ()
    seed: int = 0
    max_steps: int = 100_000
    max_virtual_s: float = 86_400
    max_deviations: int = 2
    max_lines: int | None = None
    allow: Sequence[str] = ()


_COUNTS = ("rounds", "max_steps")


def read_marker(item: pytest.Item) -> Simulated | None:
    """Return what the marker of a test says; None for a test that is not simulated.

    Raises:
        ValueError: The marker is wrong, or not for this test. The message says what to do.
    """
    marker = item.get_closest_marker("simulated")
    if marker is None:
        return None
    function = getattr(item, "obj", None)
    if not isinstance(item, pytest.Function) or not inspect.iscoroutinefunction(function):
        # A class or a module may be marked as a whole; its plain tests then run as ever.
        if marker in item.own_markers and marker not in _marks_of_parent(item):
            raise ValueError(_not_async(item.name, function))
        return None
    if marker.args:
        raise ValueError(
            f"simulated takes named arguments only, and is given {marker.args!r}: write "
            "@pytest.mark.simulated(rounds=200)"
        )
    _check_fixtures(item)
    return _checked(marker.kwargs)


def _check_fixtures(item: pytest.Function) -> None:
    info = item._fixtureinfo  # noqa: SLF001 - pytest tells in no public way which fixtures a test has
    for name in item.fixturenames:
        for fixture in info.name2fixturedefs.get(name, ())[-1:]:
            function = fixture.func
            is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
            if is_async and fixture.scope != "function":
                raise ValueError(
                    f"{item.name} is marked simulated and takes the async fixture {name!r} of "
                    f"scope {fixture.scope!r}, but each round is a trio.run of its own: give the "
                    "fixture function scope"
                )


def _marks_of_parent(item: pytest.Item) -> list[pytest.Mark]:
    return list(item.parent.iter_markers("simulated")) if item.parent is not None else []


def _not_async(name: str, function: Callable[..., Any] | None) -> str:
    if hasattr(function, "hypothesis"):
        return (
            f"{name} is marked simulated and takes its data from hypothesis.given, which do not go "
            "together: write a TrioStateMachine, whose rules are drawn by hypothesis and whose "
            "tasks are run by the simulation"
        )
    return (
        f"{name} is marked simulated and is not async, but a simulation runs trio tasks: make it "
        "`async def`, or take the marker away"
    )


def _checked(given: Mapping[str, Any]) -> Simulated:
    known = [each.name for each in fields(Simulated)]
    for name in given:
        if name not in known:
            near = near_words(name, known)
            advice = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known)}"
            raise ValueError(f"simulated does not take {name!r}: {advice}")
    for name in _COUNTS:
        value = given.get(name, 1)
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} of simulated must be a whole number from 1, and is {value!r}")
    simulated = Simulated(**given)
    if simulated.strategy not in STRATEGIES:
        raise ValueError(
            f"strategy of simulated must be one of {', '.join(STRATEGIES)}, and is "
            f"{simulated.strategy!r}"
        )
    _check_names("faults", simulated.faults, FAULTS)
    _check_names("allow", simulated.allow, ALLOWABLE)
    return simulated


def _check_names(parameter: str, names: Sequence[str], known: Sequence[str]) -> None:
    if isinstance(names, str):
        raise ValueError(f"{parameter} of simulated must be a list, as in {parameter}=[{names!r}]")  # noqa: TRY004 - its value is wrong
    for each in names:
        if each not in known:
            raise ValueError(
                f"what stands in {parameter} of simulated must be one of {', '.join(known)}, and "
                f"one is {each!r}"
            )
