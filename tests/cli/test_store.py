"""`store`, and the option `--store`: the file that a server keeps its runs in.

Rule: the file is written by a gateway, damaged by SQL where damage is wanted, and looked at through
the command line only.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from glowback_trio import BacktestRequest, InlineCompute, SqliteStore, open_gateway
from glowback_trio.store.sqlite.database import connect
from glowback_trio.store.sqlite.schema import SCRIPTS, upgrade

Glowback = Callable[..., "subprocess.CompletedProcess[str]"]

REQUEST = BacktestRequest(symbols=["AAPL"], start_date="2024-01-01", end_date="2024-03-01")


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A store with two completed runs and a cancelled one; a fourth was deleted."""
    path = tmp_path / "runs.sqlite"
    async with open_gateway(store=SqliteStore(path), compute=InlineCompute()) as gateway:
        runs = [gateway.submit(REQUEST) for _ in range(4)]
        runs[2].cancel("enough")
        await gateway.wait_idle()
        gateway.delete(runs[3].run_id)
    return path


def change(path: Path, sql: str) -> None:
    with closing(connect(path)) as connection:
        connection.execute(sql)


async def test_info_says_what_is_in_the_file(path: Path, glowback: Glowback) -> None:
    done = glowback("store", "info", "--store", f"sqlite:{path}")
    assert done.returncode == 0
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["file"] == str(path)
    assert lines["runs"] == "3 (1 cancelled, 2 completed)"
    assert lines["results"] == "2"
    assert lines["version"] == str(len(SCRIPTS))
    assert lines["optimizations"] == "0"
    # Completed runs count as one trial each, the deleted one as well.
    assert lines["trials"] == "3 in the ledger"


@pytest.mark.parametrize("version", range(1, len(SCRIPTS)))
def test_a_file_of_an_older_version_is_looked_at_as_it_is(
    tmp_path: Path, glowback: Glowback, version: int
) -> None:
    path = tmp_path / "old.sqlite"
    with closing(connect(path)) as connection:
        upgrade(connection, SCRIPTS[:version])
    done = glowback("store", "check", "--store", f"sqlite:{path}")
    assert (done.returncode, done.stdout) == (0, f"{path} is sound\n")
    lines = glowback("store", "info", "--store", f"sqlite:{path}").stdout.splitlines()
    assert f"version       {version}" in lines


async def test_a_sound_store_is_called_sound(path: Path, glowback: Glowback) -> None:
    done = glowback("store", "check", "--store", f"sqlite:{path}")
    assert (done.returncode, done.stdout) == (0, f"{path} is sound\n")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            "UPDATE event_batches SET events = CAST(upper(events) AS BLOB) WHERE run = 1",
            "their checksum differs",
        ),
        ("DELETE FROM event_batches WHERE run = 1", "0 events are stored"),
        ("UPDATE runs SET event_count = event_count - 1 WHERE seq = 1", "events are stored, and"),
        ("UPDATE results SET packed = substr(packed, 100) WHERE run = 1", "result is damaged"),
    ],
)
async def test_damage_is_found_and_named(
    path: Path, glowback: Glowback, damage: str, words: str
) -> None:
    change(path, damage)
    done = glowback("store", "check", "--store", f"sqlite:{path}")
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith("error: Run ")
    assert words in line


async def test_compact_gives_space_back(path: Path, glowback: Glowback) -> None:
    change(path, "DELETE FROM event_batches; DELETE FROM results; DELETE FROM runs")
    done = glowback("store", "compact", "--store", f"sqlite:{path}")
    before, after = (int(words.split()[0].replace(",", "")) for words in done.stdout.split(", "))
    assert (done.returncode, after < before) == (0, True)


@pytest.mark.parametrize("command", ["info", "check", "compact"])
def test_a_store_that_is_not_there_is_not_made(
    command: str, glowback: Glowback, tmp_path: Path
) -> None:
    done = glowback("store", command, "--store", "sqlite:nowhere.sqlite")
    assert (done.returncode, done.stderr) == (1, "error: There is no store nowhere.sqlite\n")
    assert not list(tmp_path.glob("nowhere*"))


def test_a_store_in_memory_has_no_file(glowback: Glowback) -> None:
    done = glowback("store", "info", "--store", "memory")
    assert done.returncode == 2
    assert "Input should be sqlite:PATH" in done.stderr


async def test_a_server_keeps_runs_in_the_user_s_directory_and_says_so(
    own_server: Any, tmp_path: Path, glowback: Glowback
) -> None:
    path = tmp_path / "glowback-trio" / "runs.sqlite"
    run_id = await own_server.submit()
    async with httpx2.AsyncClient() as client:
        ready = (await client.get(f"{own_server.url}/readyz")).json()
    assert ready["durability"] == "process"
    assert f"note: runs are kept in {path}\n" in (tmp_path / "serve.log").read_text()
    shown = glowback("store", "info", XDG_DATA_HOME=str(tmp_path))
    assert "1 (" in shown.stdout, run_id
    second = glowback("serve", "--port", "0", XDG_DATA_HOME=str(tmp_path))
    assert second.returncode == 1
    assert f"is open in another gateway: process {own_server.process.pid} on " in second.stderr
    compact = glowback("store", "compact", XDG_DATA_HOME=str(tmp_path))
    assert "is open in another gateway" in compact.stderr
    assert compact.stderr.endswith("; end it, or name another file\n")


def test_a_default_directory_that_cannot_be_made_names_the_options(
    glowback: Glowback, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = glowback("serve", "--port", "0", XDG_DATA_HOME=str(tmp_path / "file"))
    assert done.returncode == 1
    assert "--store sqlite:PATH" in done.stderr
    assert "--store memory" in done.stderr


def test_looking_for_the_default_store_makes_no_directory(
    glowback: Glowback, tmp_path: Path
) -> None:
    path = tmp_path / "glowback-trio" / "runs.sqlite"
    for command in (("info",), ("check",), ("compact",), ("backup", str(tmp_path / "copy"))):
        done = glowback("store", *command, XDG_DATA_HOME=str(tmp_path))
        assert (done.returncode, done.stderr) == (1, f"error: There is no store {path}\n")
    assert not path.parent.exists()


def test_a_store_of_another_kind_is_refused(glowback: Glowback) -> None:
    done = glowback("serve", "--port", "0", "--store", "redis://localhost")
    assert done.returncode == 2
    assert "`memory`, `sqlite:` and the path of a file, or the URL of" in done.stderr
