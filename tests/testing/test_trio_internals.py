"""The private names of trio that the simulation uses.

Doctrine: when trio changes one of them, the first test to fail says in a sentence which.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
import trio

from glowback_trio.testing.sim import find
from glowback_trio.testing.sim.loop import trio_internals


def test_trio_has_all_that_the_simulation_needs() -> None:
    assert list(trio_internals.complaints()) == []


@pytest.mark.parametrize(
    ("owner", "name", "sentence"),
    [
        (trio_internals.run_module, "setup_runner", "setup_runner no longer takes"),
        (trio_internals.run_module, "unrolled_run", "unrolled_run no longer takes"),
        (trio.lowlevel.Task, "_counter", "Task no longer has _counter"),
    ],
)
def test_what_trio_has_changed_is_said_in_one_sentence(
    owner: object, name: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(owner, name)
    (complaint,) = trio_internals.complaints()
    assert sentence in complaint


def test_a_search_with_a_trio_that_has_changed_says_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(trio.lowlevel.Task, "_counter")
    trio_internals.check_trio.cache_clear()
    with pytest.raises(RuntimeError, match=r"does not know trio [\d.]+.*no longer has _counter"):
        find(trio.lowlevel.checkpoint)


def test_the_kit_imports_trio_and_the_standard_library_only() -> None:
    code = (
        "import sys, trio; before = set(sys.modules); import glowback_trio.testing.sim; "
        "print(*sorted({each.partition('.')[0] for each in set(sys.modules) - before}))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    foreign = set(ended.stdout.split()) - sys.stdlib_module_names
    assert foreign == {"glowback_trio"}
