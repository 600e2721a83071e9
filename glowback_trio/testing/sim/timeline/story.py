"""The story of a timeline: one round, what differs in it, and the round it is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from glowback_trio.testing.sim.loop.choices import Deviation
from glowback_trio.testing.sim.loop.trace import Trace

__all__ = ["Choice", "Story", "choices", "marks", "replay_call"]


class Choice(NamedTuple):
    """A deviation in words.

    Attributes:
        step: The step at which it comes.
        sentence: What differs.
        effect: "hits ..." an await or operation, or "then waits at ..." a line; may be empty.
    """

    step: int
    sentence: str
    effect: str


@dataclass(frozen=True, slots=True)
class Story:
    """What a page shows.

    Attributes:
        head: What went wrong, in a line.
        message: More about it, in lines; may be empty.
        choices: What differs from the default.
        failing: The round in which it went wrong.
        passing: The nearest round in which nothing is wrong; None where there is none.
        parted_at: The first step at which the two differ; 0 where none does.
        token: The token.
    """

    head: str
    message: str
    choices: tuple[Choice, ...]
    failing: Trace
    passing: Trace | None
    parted_at: int
    token: str


def replay_call(token: str, kind: str) -> str:
    """Return the line that replays a token; what a check has found needs the check."""
    return f"replay(scenario, {token!r}{', check' if kind == 'check' else ''})"


def marks(story: Story) -> dict[int, str]:
    """Return the letter of each step that deviates; a number from the 27th on."""
    steps = sorted({each.step for each in story.choices})
    return {
        step: chr(ord("A") + place) if place < 26 else str(place + 1)
        for place, step in enumerate(steps)
    }


def choices(trace: Trace, names: Mapping[int, str]) -> Iterator[Choice]:
    """Yield the deviations of a round in words.

    Args:
        trace: The round.
        names: What each task is called.
    """
    for step in trace.steps:
        effect = f"then waits at {step.waits_at}" if step.deviations and step.waits_at else ""
        effect = f"hits {step.fault}" if step.fault else effect
        for place, each in enumerate(step.deviations):
            is_last = place == len(step.deviations) - 1
            yield Choice(
                step.number, _told(each, names[step.task], step.asked), effect if is_last else ""
            )


def _told(deviation: Deviation, name: str, asked: Mapping[Deviation, str]) -> str:
    if deviation.what == "run":
        return f"step {deviation.step}: {name} runs first, of {deviation.among} ready tasks"
    if deviation in asked:
        return f"{deviation}: {asked[deviation]}"
    return str(deviation)
