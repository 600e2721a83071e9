"""What a search has found, and the page that says so."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from glowback_trio.testing.sim.loop.choices import Deviation
from glowback_trio.testing.sim.loop.trace import Trace, parted_at

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
        return "\n".join(_report(self))


def _report(finding: Finding) -> list[str]:
    lines = [_head(finding), "", *_choices(finding)]
    if finding.passing is not None and finding.parted_at:
        lines += ["", *_parting(finding)]
    return [*lines, "", "Replay it with:", f"    replay(scenario, {finding.token!r})"]


def _head(finding: Finding) -> str:
    where = f"after {finding.steps} task steps, found in round {finding.rounds}"
    error = finding.exception
    if finding.kind not in {"error", "check"}:
        return f"{_HEADS[finding.kind]} {where}\n{error}"
    return f"{_HEADS[finding.kind]} {type(error).__name__}: {error}\n({where})"


def _choices(finding: Finding) -> list[str]:
    if not finding.deviations:
        return ["No choice differs from the default: it happens every time."]
    count = finding.deviations
    head = "One choice differs" if count == 1 else f"{count} choices differ"
    lines = [f"{head} from the default:"]
    names = _names(finding.failing)
    for step in finding.failing.steps:
        lines += [f"  {_told(each, names[step.task])}" for each in step.deviations]
        if step.fault:
            lines.append(f"    it hits {step.fault}")
        elif step.deviations and step.waits_at:
            lines.append(f"    it then waits at {step.waits_at}")
    return lines


def _names(trace: Trace) -> dict[int, str]:
    """Return the name of each task, with its number where several have the same."""
    tasks = {step.task: step.name for step in trace.steps}
    total = Counter(tasks.values())
    return {
        task: name if total[name] == 1 else f"{name} (task {task})" for task, name in tasks.items()
    }


def _told(deviation: Deviation, name: str) -> str:
    if deviation.what == "run":
        return f"step {deviation.step}: {name} runs first, of {deviation.among} ready tasks"
    return str(deviation)


def _parting(finding: Finding) -> list[str]:
    assert finding.passing is not None
    number = finding.parted_at
    lines = [f"The nearest round that passes takes another way at step {number}:"]
    for title, trace in (("here", finding.failing), ("there", finding.passing)):
        step = trace.steps[number - 1] if number <= len(trace.steps) else None
        told = (
            f"{_names(trace)[step.task]} runs to {step.waits_at or 'its end'}"
            if step
            else "it has ended"
        )
        lines.append(f"  {title}: {told}")
    return lines
