"""The limit on open files bounds connections, and leaves the server what it needs itself.

Rule: whatever the limit is, connections, refusals, open files and the reserve fit into it together,
as long as one connection does.
"""

from __future__ import annotations

import logging
import resource
from pathlib import Path

import httpx2
import pytest
from support.served import Serve

from glowback_trio.server import Settings
from glowback_trio.server.connection_budget import ConnectionBudget

ONE_WORKER = Settings(workers=1, max_running=1)


@pytest.mark.parametrize("limit", [200, 256, 1024, 4096, 12_000, 20_000])
def test_connections_and_the_reserve_fit_into_the_limit(limit: int) -> None:
    budget = ConnectionBudget.of(ONE_WORKER, limit)
    used = len(list(Path("/dev/fd").iterdir()))
    assert budget.most + budget.refusals + used + 64 <= limit
    assert budget.most >= 1
    assert 1 <= budget.refusals <= 256


def test_a_high_limit_leaves_the_setting_as_it_is() -> None:
    assert ConnectionBudget.of(Settings(), 1_000_000) == ConnectionBudget(12_000, 256)
    assert ConnectionBudget.of(Settings(), resource.RLIM_INFINITY).most == 12_000


def test_a_limit_below_the_reserve_leaves_one_connection() -> None:
    assert ConnectionBudget.of(Settings(), 40) == ConnectionBudget(1, 1)


def test_more_workers_and_runs_keep_more_files_back() -> None:
    few = ConnectionBudget.of(ONE_WORKER, 1024)
    for settings in (
        Settings(workers=8, max_running=1),
        Settings(workers=1, max_running=8),
    ):
        assert ConnectionBudget.of(settings, 1024).most < few.most
    thread = Settings(workers=8, max_running=1, compute="thread")
    assert ConnectionBudget.of(thread, 1024).most > few.most


def test_fewer_connections_than_asked_for_are_told(caplog: pytest.LogCaptureFixture) -> None:
    ConnectionBudget.of(ONE_WORKER, 1024).tell(ONE_WORKER)
    (line,) = caplog.messages
    assert "not the 12000 of GLOWBACK_MAX_CONNECTIONS and the 10000 of GLOWBACK_MAX_STREAMS" in line
    assert "ulimit -n" in line
    assert caplog.records[0].levelno == logging.WARNING
    caplog.clear()
    ConnectionBudget.of(ONE_WORKER, 12_000).tell(ONE_WORKER)
    assert "not the 12000 of GLOWBACK_MAX_CONNECTIONS: the limit" in caplog.messages[0]
    caplog.clear()
    ConnectionBudget.of(ONE_WORKER, 1_000_000).tell(ONE_WORKER)
    assert caplog.messages == []


async def test_the_metrics_show_how_many_are_served(serve_with: Serve) -> None:
    url = await serve_with(max_connections=77)
    async with httpx2.AsyncClient(base_url=url) as http:
        assert "glowback_max_connections 77.0" in (await http.get("/metrics")).text
