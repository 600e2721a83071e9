"""Draw rounds as lanes: a row per task, a column per step, a line along the steps taken."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape

from glowback_trio.testing.sim.loop.trace import Step, Trace
from glowback_trio.testing.sim.timeline.columns import Column
from glowback_trio.testing.sim.timeline.labels import short_names

__all__ = ["LANE", "Grid", "Lanes", "room_for"]

LANE = 40
_HEAD = 58  # the title, the numbers of the steps and the times
_FOOT = 18
_GAP_WIDTH = 66
_RIGHT = 20
# Columns are wider in short rounds, up to this width of all of them.
_FILLED = 1000
# Columns of this width have room for the line at which a task waits.
_ROOMY = 40
_LETTER = 7  # the width of a letter of 12 pixels
_NAME = 22  # letters of a name
# A round may start thousands of tasks; those that run in what is drawn come first.
_MOST_LANES = 40


def room_for(waits: Mapping[int, str]) -> float:
    """Return the pixels that are needed for what stands at the ends of the lanes."""
    longest = max(map(len, waits.values()), default=0)
    return longest * _LETTER + _RIGHT if longest else 0


class Grid:
    """Where each column lies; both rounds share it.

    Args:
        columns: What is drawn.
        kept_free: Pixels that are needed to the right of the last column.

    Attributes:
        columns: What is drawn.
        width: In pixels, without what stands to the right of the last column.
        is_roomy: Whether a column has room for the line at which a task waits.
    """

    def __init__(self, columns: list[Column], *, kept_free: float = 0) -> None:
        self.columns = columns
        digits = len(str(columns[-1].last)) if columns else 1
        gaps = sum(column.is_gap for column in columns)
        room = (_FILLED - kept_free - gaps * _GAP_WIDTH) / max(len(columns) - gaps, 1)
        self._step = max(26, digits * _LETTER + 8, min(int(room), 60))
        self._middles: dict[int, float] = {}
        self._gaps: list[tuple[Column, float]] = []
        x = 8.0
        for column in columns:
            if column.is_gap:
                self._gaps.append((column, x))
                x += _GAP_WIDTH
            else:
                self._middles[column.first] = x + self._step / 2
                x += self._step
        self.width = x + 8
        self.is_roomy = self._step >= _ROOMY

    def steps(self, trace: Trace) -> Iterator[tuple[Step, float]]:
        """Yield the steps that are drawn, each with the middle of its column."""
        for number, x in self._middles.items():
            if number <= len(trace.steps):
                yield trace.steps[number - 1], x

    def left_of(self, step: int) -> float | None:
        """Return where the column of a step begins; None where it is not drawn."""
        middle = self._middles.get(step)
        return None if middle is None else middle - self._step / 2

    def gaps(self, last: int) -> Iterator[tuple[Column, float]]:
        """Yield the stretches that are left out up to a step, and where each begins."""
        for column, x in self._gaps:
            if column.first <= last:
                yield Column(column.first, min(column.last, last)), x


@dataclass(frozen=True, slots=True)
class Lanes:
    """One round.

    Attributes:
        grid: Where the columns lie.
        trace: The round.
        title: What stands above it.
        marks: Step -> its letter, where it deviates.
        part: The step at which the two rounds part; 0 for none.
        waits: Task -> what stands at the end of its lane.
        is_passing: Whether nothing is wrong in it.
    """

    grid: Grid
    trace: Trace
    title: str
    marks: dict[int, str]
    part: int
    waits: dict[int, str]
    is_passing: bool = False

    @property
    def tasks(self) -> list[int]:
        """The numbers of the tasks that have a lane."""
        seen = {step.task for step, _ in self.grid.steps(self.trace)} | set(self.waits)
        return sorted(seen)[:_MOST_LANES]

    @property
    def height(self) -> int:
        """In pixels."""
        return _HEAD + len(self.tasks) * LANE + _FOOT

    @property
    def width(self) -> float:
        """In pixels, with what stands at the ends of the lanes."""
        return max(self.grid.width + room_for(self.waits), len(self.title) * 8.0)

    @property
    def name_width(self) -> float:
        """The pixels that the names of the tasks need."""
        return max(map(len, self._names().values()), default=0) * _LETTER + 16.0

    def _names(self) -> dict[int, str]:
        names = short_names(self.trace)
        return {task: _cut(names.get(task, f"task {task}")) for task in self.tasks}

    def _lane(self, task: int) -> float:
        return _HEAD + (self.tasks.index(task) + 0.5) * LANE

    def names(self, y: float) -> str:
        """Return the names of the tasks, from `y` downwards."""
        return "".join(
            f'<text x="8" y="{y + _HEAD + place * LANE + LANE / 2 + 4:g}">{escape(name)}</text>'
            for place, name in enumerate(self._names().values())
        )

    def drawn(self, y: float) -> str:
        """Return the lanes, from `y` downwards."""
        kind = "passing" if self.is_passing else "failing"
        parts = [
            *self._gaps(),
            *self._alive(),
            *self._parting(),
            *self._way(),
            *self._steps(),
            *self._ends(),
        ]
        title = _text(8, 18, self.title, f"title {'good' if self.is_passing else 'bad'}")
        return f'<g class="{kind}" transform="translate(0 {y:g})">{title}{"".join(parts)}</g>'

    def _gaps(self) -> Iterator[str]:
        height = len(self.tasks) * LANE
        for column, x in self.grid.gaps(len(self.trace.steps)):
            count = column.last - column.first + 1
            yield (
                f'<rect class="gap" x="{x + 3:g}" y="{_HEAD - 32}" width="{_GAP_WIDTH - 6}" '
                f'height="{height + 32}" rx="6"/>'
            )
            middle = x + _GAP_WIDTH / 2
            yield _text(middle, _HEAD - 18, f"{count:,}", "soft mid")
            yield _text(middle, _HEAD - 5, "steps", "soft mid")

    def _alive(self) -> Iterator[str]:
        """Draw how long each task lives; dashes where it waits at the end."""
        seen: dict[int, list[float]] = {}
        ended = set()
        for step, x in self.grid.steps(self.trace):
            seen.setdefault(step.task, []).append(x)
            if not step.waits_at:
                ended.add(step.task)
        right = max((x for xs in seen.values() for x in xs), default=0.0) + 10
        for task in self.tasks:
            xs, y = seen.get(task, [8.0]), self._lane(task)
            end = xs[-1] if task in ended else right
            yield f'<path class="alive" d="M{xs[0]:g} {y:g}H{end:g}"/>'
            if task in self.waits:
                yield f'<path class="wait" d="M{xs[-1]:g} {y:g}H{self.grid.width:g}"/>'

    def _parting(self) -> Iterator[str]:
        x = self.grid.left_of(self.part)
        if x is not None and self.part <= len(self.trace.steps):
            yield f'<path class="part" d="M{x:g} 24V{self.height - 14}"/>'
            yield _text(x, self.height - 2, "they part here", "mark mid")

    def _way(self) -> Iterator[str]:
        """Draw a line along the steps, interrupted where some are left out."""
        points: list[str] = []
        before = -1
        for step, x in self.grid.steps(self.trace):
            if step.task not in self.tasks:
                continue
            bend = "M" if step.number != before + 1 else "L"
            points.append(f"{bend}{x:g} {self._lane(step.task):g}")
            before = step.number
        if points:
            yield f'<path class="way" d="{"".join(points)}"/>'

    def _steps(self) -> Iterator[str]:
        time = 0.0
        for step, x in self.grid.steps(self.trace):
            yield _text(x, _HEAD - 5, str(step.number), "soft mid")
            if step.time > time:
                yield _text(x, _HEAD - 20, f"{step.time:g} s", "mid")
            time = step.time
            if step.task in self.tasks:
                y = self._lane(step.task)
                yield self._step(step, x, y)
                if self.grid.is_roomy and (found := _LINE.match(step.waits_at)):
                    yield _text(x + 13, y + 17, found[1], "soft mid line")

    def _step(self, step: Step, x: float, y: float) -> str:
        then = f"then waits at {step.waits_at}" if step.waits_at else "then has ended"
        told = escape(f"step {step.number}: {_cut(step.name, 60)}, {_line(then)}")
        if letter := self.marks.get(step.number):
            shape = (
                f'<path class="step" style="fill:var(--mark)" '
                f'd="M{x:g} {y - 14:g}l14 14l-14 14l-14 -14z"/>{_text(x, y + 4, letter, "on")}'
            )
        elif step.waits_at:
            shape = f'<circle class="step" cx="{x:g}" cy="{y:g}" r="7"/>'
        else:
            shape = f'<rect class="step" x="{x - 7:g}" y="{y - 7:g}" width="14" height="14"/>'
        return f"<g><title>{told}</title>{shape}</g>"

    def _ends(self) -> Iterator[str]:
        for task, text in self.waits.items():
            if task in self.tasks:
                x, y = self.grid.width + 4, self._lane(task)
                yield (
                    f'<path class="bars" d="M{x:g} {y - 7:g}h4v14h-4z'
                    f'M{x + 8:g} {y - 7:g}h4v14h-4z"/>{_text(x + 18, y + 4, text, "bad")}'
                )


# The number of a line, with the colon before it.
_LINE = re.compile(r".*(:\d+) in ")


def _cut(name: str, most: int = _NAME) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _line(text: str) -> str:
    return text.replace("\\", "/").rpartition("/")[2] if "/" in text else text


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(text)}</text>'
