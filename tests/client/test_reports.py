"""Reports through both clients: the same text as the server sends, and why there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from attrs import evolve
from support.served import Serve, completed
from support.served_searches import ended

from glowback_trio import BacktestRequest, BuyAndHold, Run, verify_report
from glowback_trio.actors import Gateway
from glowback_trio.client import Client
from glowback_trio.client.sync import connect
from glowback_trio.errors import (
    InvalidRequestError,
    NotReadyError,
    RunCancelledError,
    ServerRefusedError,
    UnknownRunError,
)


@pytest.fixture
async def run(gateway: Gateway, backtest: BacktestRequest) -> Run:
    """A run that has completed."""
    return await completed(gateway, backtest)


async def test_a_report_is_one_text(client: Client, run: Run) -> None:
    page = await client.report(run.run_id)
    assert page.startswith("<!DOCTYPE html>")
    assert (await client.report(run.run_id, form="md")).startswith("# ")
    assert await client.report(run.run_id, form="html") == page


async def test_several_runs_are_compared(client: Client, gateway: Gateway, run: Run) -> None:
    other = await completed(gateway, evolve(run.request, strategy=BuyAndHold()))
    text = await client.report([run.run_id, other.run_id], form="md")
    assert text.startswith("# Comparison of 2 runs\n")


async def test_an_optimization_has_a_report(client: Client, gateway: Gateway) -> None:
    optimization = await ended(gateway)
    handle = client.optimization(optimization.optimization_id)
    assert (await handle.report(form="md")).startswith("# ")
    with pytest.raises(UnknownRunError):
        await client.optimization("nowhere").report()


async def test_why_there_is_none_is_said(
    client: Client, gateway: Gateway, backtest: BacktestRequest, run: Run
) -> None:
    with pytest.raises(UnknownRunError):
        await client.report("nowhere")
    with pytest.raises(UnknownRunError):
        await client.report([run.run_id, "../metrics"])
    with pytest.raises(InvalidRequestError, match="'html', 'md' or 'json'"):
        await client.report(run.run_id, form="pdf")  # type: ignore[arg-type] # wrong on purpose
    with pytest.raises(InvalidRequestError, match="at least 2"):
        await client.report([run.run_id])
    waiting = gateway.submit(backtest)
    waiting.pause()
    with pytest.raises(NotReadyError):
        await client.report(waiting.run_id)
    with pytest.raises(ServerRefusedError):
        await client.report([run.run_id, waiting.run_id])
    waiting.cancel("enough")
    with pytest.raises(RunCancelledError, match="enough"):
        await client.report(waiting.run_id)


async def test_a_report_of_a_server_is_verified_apart_from_it(
    gateway: Gateway, serve_with: Serve, run: Run, tmp_path: Path
) -> None:
    url = await serve_with()

    def fetch() -> str:
        with connect(url) as client:
            return client.report(run.run_id)

    page = await trio.to_thread.run_sync(fetch)
    path = tmp_path / "report.html"
    path.write_text(page, "utf-8")
    verdict = verify_report(path, "demo")
    assert (verdict.difference, verdict.run_id) == (None, run.run_id)
