"""Run tests marked `simulated` in many orders and with many faults: a plugin for pytest.

Belongs here: the marker, its options, fixtures made anew in each round, kept tokens, the report.
Never here: searching, which is `testing.sim`'s; anything that knows gateways or needs hypothesis.
May be imported by: pytest, by `-p glowback_trio.testing.plugin` or `pytest_plugins`; tests.
"""

from __future__ import annotations

from glowback_trio.testing.plugin.hooks import (
    pytest_addoption,
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_fixture_setup,
    pytest_pyfunc_call,
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_terminal_summary,
)

__all__ = [
    "pytest_addoption",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_fixture_setup",
    "pytest_pyfunc_call",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_terminal_summary",
]
