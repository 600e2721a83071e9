"""`results`: the result of a run in part, downsampled, or as a table."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import trio
from support.forked_command import ForkedCommand

KEY = {"X-API-Key": "second"}

Ended = subprocess.CompletedProcess[bytes]
Results = Callable[..., Awaitable[Ended]]


@pytest.fixture
async def run_id(server: Any) -> str:
    """A run that has completed."""
    submitted: str = await server.submit()
    async with httpx2.AsyncClient(base_url=server.url, headers=KEY) as client:
        while (await client.get(f"/backtests/{submitted}")).json()["state"] != "completed":
            await trio.lowlevel.checkpoint()
    return submitted


@pytest.fixture
def results(
    server: Any,
    environment: dict[str, str],
    tmp_path: Path,
    run_id: str,
    forked_command: ForkedCommand,
) -> Results:
    """Run the command on that run and return the bytes that it printed."""

    async def run(*arguments: str) -> Ended:
        variables = {**environment, "GLOWBACK_URL": server.url, "GLOWBACK_API_KEY": "second"}
        return await forked_command.run_in_thread(
            ["results", run_id, *arguments], cwd=tmp_path, env=variables
        )

    return run


async def test_a_result_is_printed_in_part_and_downsampled(results: Results) -> None:
    whole = orjson.loads((await results()).stdout)
    printed = await results("--include", "equity_curve,trades", "--max-points", "50")
    part = orjson.loads(printed.stdout)
    assert printed.stdout.endswith(b"}\n")
    assert part["trades"] == whole["trades"]
    assert part["exposures"] == []
    assert 12 <= len(part["equity_curve"]) <= 50 < len(whole["equity_curve"])
    repeated = await results("--include", "equity_curve", "--include", "trades", "--max-points=50")
    assert repeated.stdout == printed.stdout


async def test_a_table_is_printed_as_the_server_wrote_it(
    results: Results, server: Any, run_id: str
) -> None:
    async with httpx2.AsyncClient(base_url=server.url, headers=KEY) as client:
        for file in ("equity.csv", "trades.ndjson", "orders.parquet"):
            answer = await client.get(f"/backtests/{run_id}/{file}")
            assert (await results(file)).stdout == answer.content
    rows = list(csv.DictReader((await results("equity.csv")).stdout.decode().splitlines()))
    assert float(rows[-1]["value"]) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--include", "tears"),
            "--include tears: Input should be 'metrics_summary', ",
        ),
        (("--max-points", "5"), "--max-points: Input should be greater than or equal to 12"),
        (
            ("trades.csv", "--max-points", "50"),
            "--max-points: Input should be given for 'results' only",
        ),
        (("equity.xls",), "equity.xls"),
    ],
)
async def test_a_wrong_option_is_one_line_and_2(
    results: Results, arguments: tuple[str, ...], message: str
) -> None:
    ended = await results(*arguments)
    (line,) = ended.stderr.decode().splitlines()
    assert message in line
    assert (ended.returncode, ended.stdout) == (2, b"")
