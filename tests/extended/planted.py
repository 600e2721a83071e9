"""Look for every planted bug with every strategy, and write the table of docs/planted-bugs.md.

    python tests/extended/planted.py

Rule: at least 28 of the 30 are found within 1,000 rounds, half of them with at most 3 deviations;
and 1,000 rounds find nothing in the mended programs.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from textwrap import fill
from typing import NamedTuple

from testing.planted.bugs import BUGS
from testing.planted.case import Bug, found_in

__all__ = ["PAGE", "STRATEGIES", "main"]

PAGE = Path(__file__).parents[2] / "docs" / "planted-bugs.md"
STRATEGIES = ("random", "pct", "exhaustive")
ROUNDS = 1000

TEXT = """\
# Planted bugs

Thirty small programs in `tests/testing/planted/` have one bug each, of kinds that concurrent
programs really have. Each has a mended twin that differs in nothing but the bug. `nox -s planted`
looks for all of them with every strategy of [`find`](testing.md#any-trio-program), and writes this
page.

A cell gives the round in which the bug was found, and how many choices differ from the default
order after shrinking. 0 means that the bug shows in every order, so that any test finds it. The
faults are those that may happen to a program of that kind: `cancel` and `slow` to any program,
`timeout` to one whose deadlines may come at any moment, `broken` to one whose peers may go. The
programs withstand them when they are mended. A loop without a checkpoint is found with
`max_lines=1000`.

{table}

{sum}
"""

SUM = """\
Found within {rounds:,} rounds: {found}. The median of deviations is {median:g}, the largest number
{largest}. False alarms in {rounds:,} rounds of each mended program with each strategy: {alarms}.
"""


class Row(NamedTuple):
    """What the strategies have found of one bug: (round, deviations), or None."""

    bug: Bug
    cells: tuple[tuple[int, int] | None, ...]


def _row(bug: Bug) -> Row:
    findings = [found_in(bug, bug.faulty, strategy, ROUNDS) for strategy in STRATEGIES]
    return Row(bug, tuple((each.rounds, each.deviations) if each else None for each in findings))


def _false_alarms(bug: Bug) -> int:
    findings = [found_in(bug, bug.mended, strategy, ROUNDS) for strategy in STRATEGIES]
    for each in filter(None, findings):
        print(bug.name, each, sep="\n")
    return len(list(filter(None, findings)))


def _table(rows: list[Row]) -> str:
    lines = [
        f"| bug | faults | {' | '.join(f'`{each}`' for each in STRATEGIES)} |",
        "| --- | --- | " + " | ".join("--:" for _ in STRATEGIES) + " |",
    ]
    for bug, cells in rows:
        told = " | ".join(
            "not found" if each is None else "{} / {}".format(*each) for each in cells
        )
        lines.append(f"| {bug.name} | {', '.join(f'`{each}`' for each in bug.faults)} | {told} |")
    return "\n".join(lines)


def main() -> None:
    """Make the table.

    Raises:
        SystemExit: Fewer bugs were found than the rule demands, or there were false alarms.
    """
    rows = [_row(bug) for bug in BUGS]
    alarms = sum(map(_false_alarms, BUGS))
    totals = [sum(row.cells[place] is not None for row in rows) for place in range(len(STRATEGIES))]
    deviations = [cell[1] for row in rows for cell in row.cells if cell is not None]
    found = ", ".join(
        f"{total} of {len(rows)} with `{name}`"
        for name, total in zip(STRATEGIES, totals, strict=True)
    )
    total = SUM.format(
        rounds=ROUNDS,
        found=found,
        median=median(deviations),
        largest=max(deviations),
        alarms=alarms,
    )
    text = TEXT.format(table=_table(rows), sum=fill(total, 100))
    PAGE.write_text(text, encoding="utf-8")
    print(text)
    if sum(any(row.cells) for row in rows) < 28 or alarms or median(deviations) > 3:
        raise SystemExit("the kit finds less than it promises")


if __name__ == "__main__":
    main()
