"""Where pytest and this plugin meet.

Other plugins for async tests (pytest-trio, anyio's) recognise a test or a fixture by its async
function. Where a simulated test or one of its fixtures is about to be called, a plain function
stands in its place, so they leave it alone, whatever their modes.
"""

from __future__ import annotations

import argparse
from collections.abc import Generator
from typing import Any

import pytest

from glowback_trio.testing.plugin.marker import LINE, Simulated, read_marker
from glowback_trio.testing.plugin.recipes import Recipe
from glowback_trio.testing.plugin.simulation import NEWS, PAGE, SimulatedTest

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

#: What the marker of a test says, and its async function.
_SIMULATED = pytest.StashKey[tuple[Simulated, Any]]()
#: What is wrong with the marker of a test.
_WRONG = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("simulated", "tests marked simulated")
    group.addoption(
        "--sim-rounds",
        type=_positive,
        metavar="N",
        help="rounds of each simulated test, instead of what its marker says",
    )
    group.addoption(
        "--sim-seed",
        type=int,
        metavar="N",
        help="seed of each simulated test, instead of what its marker says",
    )
    group.addoption(
        "--sim-replay",
        metavar="TOKEN",
        help="run the round of this token only, in the one test that is named",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, and is {text!r}")
    return int(text)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", LINE)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Read the markers. Leave a test out that anyio would run on another loop than trio's."""
    foreign = []
    for item in items:
        try:
            marked = read_marker(item)
        except ValueError as error:
            item.stash[_WRONG] = str(error)
            continue
        if marked is not None and isinstance(item, pytest.Function):
            item.stash[_SIMULATED] = (marked, item.obj)
            if not _is_for_trio(item):
                foreign.append(item)
    if foreign:
        items[:] = [each for each in items if each not in foreign]
        config.hook.pytest_deselected(items=foreign)


def _is_for_trio(item: pytest.Function) -> bool:
    callspec = getattr(item, "callspec", None)
    backend = callspec.params.get("anyio_backend", "trio") if callspec is not None else "trio"
    return (backend if isinstance(backend, str) else backend[0]) == "trio"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Check that a token to replay is for one test."""
    token = session.config.getoption("sim_replay")
    count = sum(_SIMULATED in item.stash for item in session.items)
    if token is not None and count != 1:
        raise pytest.UsageError(
            f"--sim-replay takes one simulated test, and {count} are selected: name it, as in "
            f"pytest tests/test_client.py::test_name --sim-replay {token}"
        )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test whose marker is wrong."""
    if _WRONG in item.stash:
        pytest.fail(item.stash[_WRONG], pytrace=False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """Set up a recipe in place of a fixture of function scope."""
    node, function = request.node, fixturedef.func
    # The node of a fixture of a wider scope is no test, but a module, class or session.
    if fixturedef.scope != "function" or _SIMULATED not in node.stash:
        return (yield)
    # Final for readers; pytest has no other place from which it takes the function.
    fixturedef.func = lambda **arguments: Recipe(  # type: ignore[misc]  # see above
        fixturedef.argname, function, arguments
    )
    try:
        return (yield)
    finally:
        fixturedef.func = function  # type: ignore[misc]  # see above


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Call the simulation in place of the async test."""
    if _SIMULATED not in pyfuncitem.stash:
        return (yield)
    marked, function = pyfuncitem.stash[_SIMULATED]
    standing = pyfuncitem.obj
    pyfuncitem.obj = SimulatedTest(pyfuncitem, function, marked)
    try:
        return (yield)
    finally:
        pyfuncitem.obj = standing


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the page of what was found, instead of a traceback through pytest and trio."""
    report = yield
    told = item.stash.get(PAGE, None)
    if told is not None and report.when == "call" and report.failed and call.excinfo is not None:
        failure = pytest.fail.Exception(told, pytrace=False)
        exc_info = (type(failure), failure, call.excinfo.tb)
        report.longrepr = item.repr_failure(pytest.ExceptionInfo.from_exc_info(exc_info))
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say which kept tokens were dropped."""
    news = [
        text
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, text in report.user_properties
        if name == NEWS
    ]
    if news:
        terminalreporter.section("kept simulated rounds")
        for each in news:
            terminalreporter.line(str(each))
