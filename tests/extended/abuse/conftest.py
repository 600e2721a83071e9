"""Servers that are abused, the figures that tests state, and the longest stall of all servers.

The session fails if an event loop worked for longer than `LONGEST_STALL_S` at once in any test. Its
processor time counts, since a busy machine may not run a server for a while.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from attrs import define, field
from support.server_process import ServerProcess, serving_process

LONGEST_STALL_S = 0.05


@define
class _Session:
    figures: list[str] = field(factory=list)
    #: Seconds for which a loop was held, seconds of its processor time, test and place.
    stalls: list[tuple[float, float, str]] = field(factory=list)


_SESSION = pytest.StashKey[_Session]()

Serve = Callable[..., AbstractAsyncContextManager[ServerProcess]]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_SESSION] = _Session()


@pytest.fixture
def state(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """State a figure, which is printed at the end of the session."""
    figures = request.config.stash[_SESSION].figures

    def say(figure: str) -> None:
        figures.append(f"{request.node.name}: {figure}")

    return say


@pytest.fixture
def serve(request: pytest.FixtureRequest) -> Serve:
    """Start a server whose stalls count."""
    stalls = request.config.stash[_SESSION].stalls

    @asynccontextmanager
    async def start(*options: str, **more: Any) -> AsyncIterator[ServerProcess]:
        async with serving_process(*options, **more) as server:
            yield server
            assert server.is_alive, f"the server has ended: {server.log[-2000:]}"
            name = request.node.name
            stalls.extend((held, cpu, f"{name}: {place}") for held, cpu, place in server.stalls)

    return start


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    session = terminalreporter.config.stash[_SESSION]
    terminalreporter.section("figures")
    for figure in session.figures:
        terminalreporter.line(figure)
    for held, cpu, place in sorted(session.stalls, reverse=True)[:5]:
        stall = f"{held * 1e3:.0f} ms ({cpu * 1e3:.0f} ms of the processor)"
        terminalreporter.line(f"the event loop was held for {stall} in {place}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    longest = max((cpu for _, cpu, _ in session.config.stash[_SESSION].stalls), default=0.0)
    if longest > LONGEST_STALL_S and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
