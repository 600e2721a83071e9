"""The timeline of a finding: a page that stands alone, and its picture.

Doctrine: the page is read as a browser reads it. What a reader must learn (who ran, what differs,
where the rounds part, who waits, how to replay it) is there as text and as a shape, without a
script, without another file, with enough contrast, and in a size that does not grow with the round.
The picture in the docs is the one that the program in the docs makes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import trio
from support.broken_programs import (
    Program,
    dining,
    fragile_sender,
    lost_update,
    open_generator,
    poll_for_ever,
    unshielded_commit,
)
from support.pages import ROOT, blocks, page

from glowback_trio.testing.sim import Finding, find
from glowback_trio.testing.sim.timeline.style import DARK, LIGHT

PICTURE = ROOT / "docs" / "timeline.svg"
VOID = {"meta", "br"}


class Page(HTMLParser):
    """What stands on a page: its tags, its texts, and whether each tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"}:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def count(self, kind: str) -> int:
        return sum(kind in (attrs.get("class") or "").split() for _, attrs in self.tags)


def found(program: Program, faults: Sequence[str] = (), max_steps: int = 100_000) -> Finding:
    finding = find(*program, faults=faults, max_steps=max_steps)
    assert finding is not None
    return finding


def saved(finding: Finding, directory: Path) -> str:
    return finding.save(directory / "finding.html").read_text(encoding="utf-8")


FINDINGS = [
    (dining, ()),
    (lost_update, ()),
    (unshielded_commit, ("cancel",)),
    (fragile_sender, ("broken",)),
    (open_generator, ()),
]


def named(each: object) -> str:
    """Name a parameter alike in every process: the address of a function is no name."""
    return getattr(each, "__name__", None) or "-".join(each) or "none"  # type: ignore[arg-type]  # else it is a tuple of texts


@pytest.mark.parametrize(("program", "faults"), FINDINGS, ids=named)
def test_a_page_is_whole_and_needs_nothing_else(
    program: object, faults: tuple[str, ...], tmp_path: Path
) -> None:
    assert callable(program)
    finding = found(program(), faults)
    text = saved(finding, tmp_path)
    read = Page(text)
    assert read.open == []
    assert not {"link", "img", "iframe", "base"} & {tag for tag, _ in read.tags}
    assert not [attrs for _, attrs in read.tags if {"src", "href", "xlink:href"} & set(attrs)]
    assert not re.search(r"https?:|url\(|@import", text)
    policies = [attrs.get("content") for _, attrs in read.tags if "http-equiv" in attrs]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"]
    check = ", check" if finding.kind == "check" else ""
    assert f"replay(scenario, {finding.token!r}{check})" in read.text
    assert finding.token in read.texts


def test_tasks_deviations_and_the_parting_are_there_as_text_and_as_shape(tmp_path: Path) -> None:
    finding = found(lost_update())
    read = Page(saved(finding, tmp_path))
    assert [name for name in ("scenario", "add 3", "add 4") if name not in read.texts] == []
    assert finding.deviations == 2
    assert read.count("letter") == 2
    assert "step 3: add 3 runs first, of 2 ready tasks" in read.text
    assert {"deviates (A)", "deviates (B)"} <= set(read.texts)
    diamonds = [attrs for _, attrs in read.tags if "fill:var(--mark)" in (attrs.get("style") or "")]
    assert len(diamonds) == 2 + 1 + 1  # this round, the one that passes, what the shape means
    assert read.count("part") == 2 + 1
    assert read.text.count("they part here") == 2
    assert read.count("parting") == 1
    (told,) = [attrs["aria-label"] for _, attrs in read.tags if attrs.get("role") == "img"]
    assert str(told).endswith(f"parts from it at step {finding.parted_at}")


def test_a_deadlock_shows_who_waits_for_whom_and_at_which_line(tmp_path: Path) -> None:
    read = Page(saved(found(dining()), tmp_path))
    assert "dine 3 waits for dine 4 at broken_programs.py" in read.text
    assert "dine 4 waits for dine 3 at broken_programs.py" in read.text
    assert "scenario waits for dine 3, dine 4" in read.text
    assert read.texts.count("async with left, right:") >= 2
    assert read.count("bars") == 3 + 1


def test_a_fault_parts_the_rounds_where_it_strikes(tmp_path: Path) -> None:
    finding = found(unshielded_commit(), ("cancel",))
    read = Page(saved(finding, tmp_path))
    assert finding.parted_at == 3
    assert "step 3: the scenario is cancelled It hits" in read.text
    assert "(sleep)" in read.text


def test_an_exception_in_groups_is_named_with_the_line_that_raises_it(tmp_path: Path) -> None:
    read = Page(saved(found(fragile_sender(), ("broken",)), tmp_path))
    assert "The scenario raises BrokenResourceError: the simulation makes this" in read.text
    assert re.search(r"raised at broken_programs\.py:\d+ in produce", read.text)


def test_a_round_of_a_hundred_thousand_steps_stays_small(tmp_path: Path) -> None:
    read = Page(saved(found(poll_for_ever()), tmp_path))
    assert "Steps 4 to 99,989: scenario takes 99,986" in read.text
    assert {"100000", "99,986"} <= set(read.texts)
    assert "has not ended" in read.texts
    assert (tmp_path / "finding.html").stat().st_size < 50_000


def test_steps_between_deviations_are_folded_away_and_can_be_unfolded(tmp_path: Path) -> None:
    async def scenario() -> None:
        seen: list[str] = []

        async def work(name: str) -> None:
            for _ in range(60):
                await trio.lowlevel.checkpoint()
            seen.append(name)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(work, "one")
            nursery.start_soon(work, "other")
        assert seen == ["one", "other"]

    read = Page(saved(found(Program(scenario)), tmp_path))
    assert "details" in {tag for tag, _ in read.tags}
    assert re.search(r"Steps \d+ to \d+: work \d takes \d+, work \d takes \d+", read.text)


def test_names_of_tasks_are_text_not_markup(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever, name="<script>alert('&')</script>")

    read = Page(saved(found(Program(scenario)), tmp_path))
    assert [tag for tag, _ in read.tags].count("script") == 1
    assert "<script>alert('&')</script>" in read.texts


def test_the_same_finding_is_the_same_page_and_names_no_folder(tmp_path: Path) -> None:
    pages = [saved(found(dining()), tmp_path) for _ in range(2)]
    assert pages[0] == pages[1]
    assert str(Path(__file__).parents[1]) not in pages[0]


def test_everything_written_has_enough_contrast_by_day_and_by_night() -> None:
    for colours in (LIGHT, DARK):
        for ground in ("paper", "panel"):
            for ink in ("ink", "soft", "bad", "good", "mark"):
                assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
        assert contrast(colours["on"], colours["mark"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2.2 defines it, between 1 and 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def drawn(path: Path) -> str:
    """Run the program of the page and save its picture."""
    (program,) = blocks(page("docs/testing.md"), "python")[:1]
    names: dict[str, object] = {"__name__": "hub"}
    exec(compile(program, "hub.py", "exec"), names)
    finding = names["finding"]
    assert isinstance(finding, Finding)
    return finding.save(path).read_text(encoding="utf-8")


def test_the_picture_in_the_docs_is_current(tmp_path: Path) -> None:
    picture = drawn(tmp_path / "timeline.svg")
    assert PICTURE.read_text(encoding="utf-8") == picture, "run `nox -s pictures`"
    texts = [each.text for each in ET.fromstring(picture).iter() if each.text]
    assert {"scenario", "join", "publish_three", "they part here"} <= set(texts)


if __name__ == "__main__":
    drawn(PICTURE)


def test_a_message_with_half_a_character_is_written(tmp_path: Path) -> None:
    async def scenario() -> None:
        raise ValueError("half \ud800")

    finding = find(scenario)
    assert finding is not None
    assert "half \\ud800" in saved(finding, tmp_path)
