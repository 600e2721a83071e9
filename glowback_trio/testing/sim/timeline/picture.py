"""Put both rounds into one picture."""

from __future__ import annotations

from html import escape

from glowback_trio.testing.sim.timeline.columns import columns
from glowback_trio.testing.sim.timeline.labels import short_names
from glowback_trio.testing.sim.timeline.lanes import Grid, Lanes, room_for
from glowback_trio.testing.sim.timeline.story import Story, marks
from glowback_trio.testing.sim.timeline.style import PICTURE_STYLE

__all__ = ["picture", "picture_file"]

_BETWEEN = 14
_LETTER = 6.2
_CAPTION = 24


def _rounds(story: Story) -> list[Lanes]:
    ends = _ends(story)
    grid = Grid(columns(story), kept_free=room_for(ends))
    steps = len(story.failing.steps)
    lanes = [
        Lanes(
            grid,
            story.failing,
            f"✕ This round fails: {story.failing.ended}, {steps:,} steps",
            marks(story),
            story.parted_at,
            ends,
        )
    ]
    if story.passing is not None:
        title = f"✓ The nearest round that passes: {len(story.passing.steps):,} steps"
        kept = {
            step.number: letter
            for step in story.passing.steps
            if step.deviations and (letter := marks(story).get(step.number))
        }
        lanes.append(Lanes(grid, story.passing, title, kept, story.parted_at, {}, is_passing=True))
    return lanes


def _ends(story: Story) -> dict[int, str]:
    """Say at the end of each lane for whom its task waits."""
    names = short_names(story.failing)
    alone = "waits" if story.failing.ended == "deadlock" else "has not ended"
    ends = {}
    for wait in story.failing.waits:
        told = [names.get(each, f"task {each}") for each in wait.tasks]
        more = f" and {len(told) - 2} more" if told[2:] else ""
        ends[wait.task] = f"waits for {', '.join(told[:2])}{more}" if told else alone
    return ends


def picture(story: Story) -> str:
    """Return two drawings side by side: names that stay, and lanes that may be moved under them."""
    rounds = _rounds(story)
    names, drawn, height = _stacked(rounds)
    width = max(each.width for each in rounds)
    name_width = max(each.name_width for each in rounds)
    return (
        f'<svg class="names" width="{name_width:g}" height="{height:g}" aria-hidden="true">'
        f'{names}</svg><svg width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="{escape(_told(story))}">{drawn}</svg>'
    )


def picture_file(story: Story) -> str:
    """Return the picture alone, as an SVG document with what differs below it."""
    rounds = _rounds(story)
    names, drawn, height = _stacked(rounds)
    name_width = max(each.name_width for each in rounds)
    letters = marks(story)
    captions = [f"◆ {letters[each.step]}  {each.sentence}" for each in story.choices]
    width = max(
        name_width + max(each.width for each in rounds), *(len(c) * _LETTER for c in captions), 320
    )
    below = "".join(
        f'<text x="8" y="{height + 18 + place * _CAPTION:g}">{escape(caption)}</text>'
        for place, caption in enumerate(captions)
    )
    total = height + len(captions) * _CAPTION + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {total:g}" '
        f'width="{width:g}" height="{total:g}" role="img">\n'
        f"<title>{escape(story.head)}</title>\n<desc>{escape(_told(story))}</desc>\n"
        f'<style>{PICTURE_STYLE}</style>\n<rect class="paper" width="100%" height="100%"/>\n'
        f'{names}<g transform="translate({name_width:g} 0)">{drawn}</g>{below}</svg>\n'
    )


def _stacked(rounds: list[Lanes]) -> tuple[str, str, float]:
    names, drawn, y = "", "", 0.0
    for each in rounds:
        names += each.names(y)
        drawn += each.drawn(y)
        y += each.height + _BETWEEN
    return names, drawn, y


def _told(story: Story) -> str:
    """Say what the picture shows, for those who do not see it."""
    told = f"{story.head}. {len(story.failing.steps)} steps"
    for each in story.choices:
        told += f"; {each.sentence}"
    if story.passing is not None and story.parted_at:
        told += f"; the nearest round that passes parts from it at step {story.parted_at}"
    return told
