"""The architecture page lists every task, thread and process that the package starts.

Rule: a start is found by the syntax tree, and named by its module and the function around it. The
table names the same places, with at least one row for each call.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.house import HOUSE

PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
STARTS = {"Thread", "open_process", "spawn_system_task", "start_soon", "start_thread_soon", "Popen"}


def starts(path: str, source: str) -> Iterator[tuple[str, str]]:
    """Yield module and function of each call that starts something."""

    def visit(node: ast.AST, function: str, *, awaited: bool) -> Iterator[tuple[str, str]]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = node.name
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in STARTS or (name == "start" and awaited):
                yield path, function
        for child in ast.iter_child_nodes(node):
            yield from visit(child, function, awaited=isinstance(node, ast.Await))

    yield from visit(ast.parse(source), "", awaited=False)


def listed() -> Counter[tuple[str, str]]:
    section = PAGE.read_text().split("\n## Tasks and threads\n")[1].split("\n## ")[0]
    return Counter(re.findall(r"^\| [^|]+ \| `([^`]+)` `([^`]+)` \|", section, re.MULTILINE))


def test_the_table_lists_each_start() -> None:
    found = Counter(start for path, source in HOUSE.items() for start in starts(path, source))
    rows = listed()
    assert set(found) == set(rows)
    assert found <= rows


def test_each_row_says_all() -> None:
    section = PAGE.read_text().split("\n## Tasks and threads\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == listed().total()
    assert all(len(cell.strip()) > 3 for row in rows for cell in row.strip("|").split("|"))


@pytest.mark.parametrize(
    "line",
    [
        "nursery.start_soon(task)",
        "await nursery.start(task)",
        "threading.Thread(target=work)",
        "Thread(target=work)",
        "subprocess.Popen([])",
        "await trio.lowlevel.open_process([])",
    ],
)
def test_a_start_is_seen(line: str) -> None:
    assert list(starts("a.py", f"async def f():\n    {line}")) == [("a.py", "f")]


def test_what_starts_nothing_is_passed_over() -> None:
    assert not list(starts("a.py", "def f():\n    match.start()\n    self._pings.start()"))
