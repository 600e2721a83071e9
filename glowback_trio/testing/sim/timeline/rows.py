"""List the steps of both rounds beside each other, with what is the same folded away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape

from glowback_trio.testing.sim.loop.trace import Step, Trace
from glowback_trio.testing.sim.timeline.columns import Column
from glowback_trio.testing.sim.timeline.labels import place_of, short_names
from glowback_trio.testing.sim.timeline.story import Story, marks

__all__ = ["rows"]

# Longer stretches are summed up instead of folded away: a page must stay small.
_FOLDED = 250


def rows(story: Story, drawn: list[Column]) -> str:
    """Return a row for each step that is drawn, and what is left out in between."""
    return "".join(_Rows(story).all(drawn))


class _Rows:
    def __init__(self, story: Story) -> None:
        self._story = story
        self._names = short_names(story.failing)
        self._other_names = short_names(story.passing) if story.passing else {}
        self._marks = marks(story)

    def all(self, drawn: list[Column]) -> Iterator[str]:
        heads = (
            "<span>This round: fails</span><span>The nearest that passes</span>"
            if self._story.passing
            else '<span class="both">This round: fails</span>'
        )
        yield f'<div class="row headrow"><span>Step</span>{heads}</div>'
        for column in drawn:
            yield self._gap(column) if column.is_gap else self._row(column.first)

    def _gap(self, column: Column) -> str:
        count = column.last - column.first + 1
        head = f"Steps {column.first:,} to {column.last:,}: {self._sum(column)}"
        if count > _FOLDED:
            return f'<div class="row"><span></span><span class="both where">{head}</span></div>'
        inside = "".join(map(self._row, range(column.first, column.last + 1)))
        return f'<details><summary>{head}</summary><div class="inside">{inside}</div></details>'

    def _sum(self, column: Column) -> str:
        """Say who takes the steps that are left out."""
        steps = self._story.failing.steps[column.first - 1 : column.last]
        total = Counter(self._names[step.task] for step in steps).most_common()
        told = [f"{escape(name)} takes {count:,}" for name, count in total[:4]]
        if total[4:]:
            told.append(f"{len(total) - 4:,} other tasks {sum(n for _, n in total[4:]):,}")
        return ", ".join(told) if told else "only in the round that passes"

    def _row(self, number: int) -> str:
        here = _at(self._story.failing, number)
        there = _at(self._story.passing, number)
        step = here or there
        if step is None:
            return ""
        parting = " parting" if number == self._story.parted_at else ""
        return (
            f'<div class="row{parting}"><span class="number"><b>{number}</b>{step.time:g} s</span>'
            f"{self._cells(here, there, number)}</div>"
        )

    def _cells(self, here: Step | None, there: Step | None, number: int) -> str:
        parted = self._story.parted_at
        if self._story.passing is None:
            return self._cell(here, self._names, "both", "")
        if here is not None and not 0 < parted <= number:
            same = '<span class="other same">the same</span>'
            return self._cell(here, self._names, "first", "") + same
        return self._cell(here, self._names, "first", "fails: ") + self._cell(
            there, self._other_names, "other", "passes: "
        )

    def _cell(self, step: Step | None, names: dict[int, str], kind: str, side: str) -> str:
        colour = "good" if kind == "other" else "bad"
        label = f'<span class="side {colour}">{side}</span>' if side else ""
        if step is None:
            return f'<span class="{kind} where">{label}has ended</span>'
        place = place_of(step.waits_at) if step.waits_at else None
        then = f"waits at {escape(place.text)}" if place else "has ended"
        code = f'<code class="line">{escape(place.code)}</code>' if place and place.code else ""
        ready = f" (1 of {step.ready} ready)" if step.ready > 1 else ""
        letter = self._marks.get(step.number) if step.deviations else None
        mark = f" <b>deviates ({letter})</b>" if letter else ""
        return (
            f'<div class="{kind}{" deviates" if letter else ""}">{label}'
            f"<strong>{escape(names[step.task])}</strong> runs{ready}{mark}"
            f'<span class="where"><br>then {then}</span>{code}</div>'
        )


def _at(trace: Trace | None, number: int) -> Step | None:
    if trace is None or number > len(trace.steps):
        return None
    return trace.steps[number - 1]
