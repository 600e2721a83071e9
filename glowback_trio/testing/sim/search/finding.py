"""Findings: what a search has found, and the page that says so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from traceback import walk_tb

from glowback_trio.testing.sim.loop.programs import is_program
from glowback_trio.testing.sim.loop.trace import Step, Trace, parted_at
from glowback_trio.testing.sim.timeline.labels import short_names, task_names
from glowback_trio.testing.sim.timeline.page import page
from glowback_trio.testing.sim.timeline.picture import picture_file
from glowback_trio.testing.sim.timeline.story import Story, choices, replay_call

__all__ = ["Finding"]

_HEADS = {
    "error": "The scenario raises",
    "check": "The check raises",
    "deadlock": "The scenario comes to a deadlock:",
    "livelock": "The scenario does not end:",
    "leak": "The scenario leaves something behind:",
    "escape": "The scenario reads what differs from round to round:",
    "busy": "The scenario lets nobody else run:",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A round in which something is wrong, with as few deviations from the default as could be.

    Attributes:
        token: The round as a text, for `replay`.
        exception: What `replay` raises.
        kind: "error", "check", "deadlock", "livelock", "leak", "escape" or "busy".
        steps: How many task steps the round takes.
        deviations: How many of its choices differ from the default, faults included.
        rounds: In which round of the search it was found, counted from 1.
        failing: The steps of the round.
        passing: The steps of the nearest round in which nothing is wrong; None where there is none.
    """

    token: str
    exception: BaseException
    kind: str
    steps: int
    deviations: int
    rounds: int
    failing: Trace = field(repr=False)
    passing: Trace | None = field(default=None, repr=False)

    @property
    def parted_at(self) -> int:
        """The first step at which the failing and the passing round differ; 0 where none does."""
        return parted_at(self.failing, self.passing) if self.passing is not None else 0

    def __str__(self) -> str:
        replaying = ["", "Replay it with:", f"    {replay_call(self.token, self.kind)}"]
        return "\n".join([self.report, *replaying])

    @property
    def report(self) -> str:
        """What went wrong and after which choices, without the line that replays it."""
        return "\n".join(_report(self))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the timeline: lanes per task, what differs, and where the passing round parts.

        The file needs nothing else: no network, no script for what it shows.

        Args:
            path: An HTML page; only its picture where the name ends in `.svg`.

        Returns:
            The path.
        """
        target = Path(path)
        draw = picture_file if target.suffix == ".svg" else page
        text = draw(_story(self)).encode("utf-8", "backslashreplace")  # of half a character
        target.write_bytes(text)
        return target


def _report(finding: Finding) -> list[str]:
    lines = [_head(finding), "", *_choices(finding)]
    if finding.passing is not None and finding.parted_at:
        lines += ["", *_parting(finding)]
    return lines


def _story(finding: Finding) -> Story:
    error = finding.exception
    head, message = _HEADS[finding.kind].rstrip(":"), str(error)
    if finding.kind in {"error", "check"}:
        raised = list(_raised(error))
        first, _, rest = raised[0].partition("\n")
        head, message = f"{head} {first}", "\n".join(raised) if raised[1:] else rest.strip()
    if finding.failing.waits:
        message = message.partition("\n")[0].rstrip(":")  # the page has a list of them
    return Story(
        head=head,
        message=message,
        choices=tuple(choices(finding.failing, short_names(finding.failing))),
        failing=finding.failing,
        passing=finding.passing,
        parted_at=finding.parted_at,
        token=finding.token,
    )


def _head(finding: Finding) -> str:
    where = f"after {finding.steps} task steps, found in round {finding.rounds}"
    error = finding.exception
    if finding.kind not in {"error", "check"}:
        return f"{_HEADS[finding.kind]} {where}\n{error}"
    lines = [f"{_HEADS[finding.kind]} {_named(error)}"]
    if isinstance(error, BaseExceptionGroup):
        lines += [f"  {_named(each)}" for each in _leaves(error)]
    return "\n".join([*lines, f"({where})"])


def _choices(finding: Finding) -> list[str]:
    if not finding.deviations:
        return ["No choice differs from the default: it happens every time."]
    count = finding.deviations
    head = "One choice differs" if count == 1 else f"{count} choices differ"
    lines = [f"{head} from the default:"]
    for each in choices(finding.failing, task_names(finding.failing)):
        lines.append(f"  {each.sentence}")
        if each.effect:
            lines.append(f"    it {each.effect}")
    return lines


def _parting(finding: Finding) -> list[str]:
    assert finding.passing is not None
    number = finding.parted_at
    lines = [f"The nearest round that passes takes another way at step {number}:"]
    is_other_time = len({each.time for each in _steps_at(finding, number)}) > 1
    for title, trace in (("here", finding.failing), ("there", finding.passing)):
        step = trace.steps[number - 1] if number <= len(trace.steps) else None
        moment = f"at {step.time:g} s " if step and is_other_time else ""
        lines.append(f"  {title}: {moment}{_run_of(step, trace) if step else 'it has ended'}")
    return lines


def _steps_at(finding: Finding, number: int) -> Iterator[Step]:
    for trace in (finding.failing, finding.passing):
        if trace is not None:
            yield from trace.steps[number - 1 : number]


def _run_of(step: Step, trace: Trace) -> str:
    fault = ", hit by the fault," if step.fault else ""
    return f"{task_names(trace)[step.task]}{fault} runs to {step.waits_at or 'its end'}"


def _raised(error: BaseException) -> Iterator[str]:
    """Yield each exception that is no group, with the line of the program that raised it."""
    for each in _leaves(error):
        yield f"{_named(each)}{_raised_at(each)}"


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def _named(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}{text and f': {text}'}"


def _raised_at(error: BaseException) -> str:
    places = [
        f"\n  raised at {frame.f_code.co_filename}:{line} in {frame.f_code.co_name}"
        for frame, line in walk_tb(error.__traceback__)
        if is_program(frame)
    ]
    return places[-1] if places else ""
