"""`store`, `report` and the option `--store` with a database of PostgreSQL.

Rule: the database is written by a gateway, damaged by SQL where damage is wanted, and looked at
through the command line only.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from support.postgres import new_database

from glowback_trio import BacktestRequest, InlineCompute, Run, open_gateway
from glowback_trio.store.postgres import PostgresStore
from glowback_trio.store.postgres.schema import SCRIPTS

Glowback = Callable[..., "subprocess.CompletedProcess[str]"]

REQUEST = BacktestRequest(symbols=["AAPL"], start_date="2024-01-01", end_date="2024-03-01")


async def fill(url: str) -> list[Run]:
    """Carry out two runs, and one that is deleted."""
    async with open_gateway(store=PostgresStore(url), compute=InlineCompute()) as gateway:
        runs = [gateway.submit(REQUEST) for _ in range(3)]
        await gateway.wait_idle()
        gateway.delete(runs.pop().run_id)
    return runs


async def test_info_says_what_is_in_the_database(glowback: Glowback) -> None:
    url = new_database()
    await fill(url)
    done = glowback("store", "info", "--store", url)
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["database"] == f"{url.rpartition('/')[2]} at 127.0.0.1"
    assert lines["version"] == str(len(SCRIPTS))
    assert (lines["runs"], lines["results"]) == ("2 (2 completed)", "2")
    assert lines["trials"] == "3 in the ledger"
    assert lines["gateways"] == "0"


async def test_a_sound_store_is_called_sound_and_a_damaged_one_says_what_is_wrong(
    glowback: Glowback,
) -> None:
    url = new_database()
    runs = await fill(url)
    done = glowback("store", "check", "--store", url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("is sound\n")
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE event_batches SET events = convert_to(upper(convert_from(events, 'UTF8')), "
            "'UTF8') WHERE run = (SELECT seq FROM runs WHERE run_id = %s)",
            (runs[0].run_id,),
        )
    done = glowback("store", "check", "--store", url)
    assert done.returncode == 1
    assert f"Run {runs[0].run_id}" in done.stderr
    assert "their checksum differs" in done.stderr


async def test_a_run_moves_to_another_database_and_is_reported_from_there(
    glowback: Glowback, tmp_path: Path
) -> None:
    url, other = new_database(), new_database()
    run_id, _ = (each.run_id for each in await fill(url))
    file = tmp_path / "run.gbt"
    done = glowback("store", "export", run_id, str(file), "--store", url)
    assert done.returncode == 0, done.stderr
    for _ in range(2):  # the same run may come twice
        done = glowback("store", "import", str(file), "--store", other)
        assert (done.returncode, done.stdout) == (0, f"{run_id} is there\n"), done.stderr
    done = glowback("report", run_id, "--store", other)
    assert done.returncode == 0, done.stderr
    assert run_id in done.stdout


def test_what_a_database_does_by_other_programs_names_them(
    glowback: Glowback, tmp_path: Path
) -> None:
    url = "postgresql://me:secret@db.example.org/runs"
    done = glowback("store", "backup", str(tmp_path / "copy"), "--store", url)
    assert done.returncode == 2
    assert "pg_dump" in done.stderr
    done = glowback("store", "compact", "--store", url)
    assert done.returncode == 2
    assert "by itself" in done.stderr


@pytest.mark.parametrize("command", ["info", "check"])
def test_a_database_that_cannot_be_reached_is_named_without_its_password(
    glowback: Glowback, command: str
) -> None:
    url = "postgresql://me:secret@127.0.0.1:1/runs"
    done = glowback("store", command, "--store", url)
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
    assert "secret" not in done.stderr + done.stdout


def test_an_empty_database_has_not_been_opened_by_a_gateway(glowback: Glowback) -> None:
    done = glowback("store", "info", "--store", new_database())
    assert done.returncode == 1
    assert "no gateway has opened it yet" in done.stderr
