"""Thirty planted bugs and their mended twins.

Doctrine: a bug counts as found when the search reports it within 1,000 rounds with few deviations
and its token repeats it; a twin must pass under the same faults. Here every bug is looked for with
one strategy, in turn; `nox -s planted` looks for all with all, and writes docs/planted-bugs.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from extended.planted import PAGE, STRATEGIES
from testing.planted.bugs import BUGS
from testing.planted.case import Bug, found_in, tidy

from glowback_trio.testing.sim import replay

IN_TURN = [(bug, STRATEGIES[number % 3]) for number, bug in enumerate(BUGS)]


def names(values: Iterable[tuple[Bug, str]]) -> list[str]:
    return [f"{bug.name}, {strategy}" for bug, strategy in values]


@pytest.mark.parametrize(("bug", "strategy"), IN_TURN, ids=names(IN_TURN))
def test_a_planted_bug_is_found_and_repeated(bug: Bug, strategy: str) -> None:
    finding = found_in(bug, bug.faulty, strategy, 1000)
    assert finding is not None
    assert finding.deviations <= 5
    scenario, check = bug.faulty
    with pytest.raises(type(finding.exception)):
        replay(scenario, finding.token, check)
    tidy()


@pytest.mark.parametrize(("bug", "strategy"), IN_TURN, ids=names(IN_TURN))
def test_the_mended_twin_is_left_alone(bug: Bug, strategy: str) -> None:
    assert found_in(bug, bug.mended, strategy, 100) is None


def test_the_page_lists_every_bug_and_no_false_alarm() -> None:
    text = PAGE.read_text(encoding="utf-8")
    listed = [
        line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if "` | " in line
    ]
    assert listed == ["bug", *(bug.name for bug in BUGS)]
    assert len(BUGS) == 30
    assert re.search(r"with\s+each\s+strategy:\s+0\.$", text)
