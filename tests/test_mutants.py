"""The faults of tests/extended/mutants.py can still be written into the package.

That suite takes long and runs on request, so a change of a line that it replaces is found here.
"""

from __future__ import annotations

from extended.mutants import MUTANTS, ROOT


def test_every_fault_replaces_lines_that_stand_once_in_their_file() -> None:
    counts = {fault.name: (ROOT / fault.file).read_text().count(fault.sound) for fault in MUTANTS}
    assert {name: count for name, count in counts.items() if count != 1} == {}


def test_every_fault_names_tests_that_exist() -> None:
    files = {test.partition("::")[0] for fault in MUTANTS for test in fault.tests}
    assert {file for file in files if not (ROOT / file).exists()} == set()
