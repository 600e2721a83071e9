"""Servers that are abused, the figures that tests state, and the longest stall of all servers.

The session fails if an event loop was held for longer than `LONGEST_STALL_S` in any test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import trio
from attrs import define, field
from support.server_process import STALL, ServerProcess, metric, serving_process

LONGEST_STALL_S = 0.05
KEY = "GLOWBACK_API_KEY"


@define
class _Session:
    figures: list[str] = field(factory=list)
    #: Test -> the longest stall of its servers, in seconds.
    stalls: dict[str, float] = field(factory=dict)


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
            server.headers = {"X-API-Key": more.get("environment", {}).get(KEY, "")}
            with trio.move_on_after(10):  # a server that is told to stop meanwhile has no metrics
                longest = metric(await server.metrics(), STALL)
                name = request.node.name
                stalls[name] = max(longest, stalls.get(name, 0.0))

    return start


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    session = terminalreporter.config.stash[_SESSION]
    terminalreporter.section("figures")
    for figure in session.figures:
        terminalreporter.line(figure)
    by_length = sorted(session.stalls.items(), key=lambda each: each[1], reverse=True)
    for name, stall in by_length[:5]:
        terminalreporter.line(f"stall of the event loop: {stall * 1e3:.0f} ms in {name}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    stalls = session.config.stash[_SESSION].stalls
    if max(stalls.values(), default=0.0) > LONGEST_STALL_S and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
