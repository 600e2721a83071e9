"""`store export`, `store import`, `store backup` and `verify`: runs move, and are computed again.

Rule: everything goes through the command line, with files and, where one is named, a real server.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from support.exports import REQUEST, file_of, finished_export, with_events

from glowback_trio import InlineCompute, SqliteStore, open_gateway

Glowback = Callable[..., "subprocess.CompletedProcess[str]"]

EXPORT = finished_export()


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A store with the run `run-1`."""
    path = tmp_path / "runs.sqlite"
    store = SqliteStore(path)
    async with open_gateway(data="sample", store=store, compute=InlineCompute()) as gateway:
        await gateway.import_run(EXPORT)
    return path


async def test_a_run_moves_from_one_store_to_another(
    path: Path, tmp_path: Path, glowback: Glowback
) -> None:
    file, other = tmp_path / "run.gbt", f"sqlite:{tmp_path / 'other.sqlite'}"
    done = glowback("store", "export", "run-1", str(file), "--store", f"sqlite:{path}")
    assert (done.returncode, done.stdout) == (0, f"{file} is run-1\n")
    assert file.read_bytes() == file_of(EXPORT)
    for _ in range(2):
        done = glowback("store", "import", str(file), "--store", other)
        assert (done.returncode, done.stdout) == (0, "run-1 is there\n"), done.stderr
    assert "1 completed" in glowback("store", "info", "--store", other).stdout
    assert glowback("store", "check", "--store", other).returncode == 0
    file.write_bytes(file_of(with_events(EXPORT, {1: {"message": "other"}})))
    done = glowback("store", "import", str(file), "--store", other)
    assert done.returncode == 1
    assert "another run run-1" in done.stderr


async def test_what_cannot_be_moved_is_said_in_a_line(
    path: Path, tmp_path: Path, glowback: Glowback
) -> None:
    store, file = f"sqlite:{path}", tmp_path / "run.gbt"
    done = glowback("store", "export", "nowhere", str(file), "--store", store)
    assert (done.returncode, done.stderr) == (1, "error: Run not found\n")
    assert not file.exists()
    done = glowback("store", "import", str(file), "--store", store)
    assert done.returncode == 2
    assert "FILE" in done.stderr
    file.write_bytes(file_of(EXPORT)[:-1] + b"x")
    done = glowback("store", "import", str(file), "--store", store)
    assert done.returncode == 1
    assert "damaged" in done.stderr
    done = glowback("store", "export", "run-1", str(file), "--store", store)
    assert done.returncode == 2
    assert done.stderr == f"error: FILE: {file} exists already: name a file that does not\n"
    async with open_gateway(store=SqliteStore(path), compute=InlineCompute()):
        file.write_bytes(file_of(EXPORT))
        done = glowback("store", "import", str(file), "--store", store)
    assert done.returncode == 1
    assert "--url" in done.stderr


async def test_a_store_is_copied_while_it_is_used(
    path: Path, tmp_path: Path, glowback: Glowback
) -> None:
    copy = tmp_path / "copy.sqlite"
    store = SqliteStore(path)
    async with open_gateway(data="sample", store=store, compute=InlineCompute()) as gateway:
        run = gateway.submit(REQUEST)
        await run.wait_finished()
        done = glowback("store", "backup", str(copy), "--store", f"sqlite:{path}")
        assert done.returncode == 0, done.stderr
    assert not copy.with_name("copy.sqlite-wal").exists()
    assert not copy.with_name("copy.sqlite.partial").exists()
    assert "2 completed" in glowback("store", "info", "--store", f"sqlite:{copy}").stdout
    assert glowback("store", "check", "--store", f"sqlite:{copy}").returncode == 0
    again = glowback("store", "backup", str(copy), "--store", f"sqlite:{path}")
    assert again.returncode == 1
    assert "exists already" in again.stderr


async def test_a_file_is_verified_without_a_server(tmp_path: Path, glowback: Glowback) -> None:
    file = tmp_path / "run.gbt"
    file.write_bytes(file_of(EXPORT))
    done = glowback("verify", str(file), "--data", "sample")
    told = f"the bars of 2 symbols, {len(EXPORT.events)} events"
    assert (done.returncode, done.stdout) == (0, f"run-1 is the same: {told}\n")
    file.write_bytes(file_of(with_events(EXPORT, {9: {"planted": 1}})))
    done = glowback("verify", str(file), "--data", "sample")
    assert done.returncode == 3
    assert "run-1: Event 9 differs: payload.planted was 1" in done.stderr
    done = glowback("verify", str(file), "--json")
    assert done.returncode == 3
    assert '"event_id":9' in done.stdout


def test_a_server_takes_gives_and_verifies_runs(
    tmp_path: Path, glowback: Glowback, own_server: Any
) -> None:
    file, back = tmp_path / "run.gbt", tmp_path / "back.gbt"
    dates: dict[str, Any] = {"start_date": "2019-01-01", "end_date": "2019-06-30"}
    file.write_bytes(file_of(finished_export(evolve(REQUEST, **dates), "demo")))
    at_server = ("--url", own_server.url, "--api-key", "first")
    done = glowback("store", "import", str(file), *at_server)
    assert (done.returncode, done.stdout) == (0, "run-1 is there\n"), done.stderr
    done = glowback("store", "export", "run-1", str(back), *at_server)
    assert done.returncode == 0, done.stderr
    assert back.read_bytes() == file.read_bytes()
    done = glowback("verify", "run-1", *at_server)
    assert done.returncode == 0, done.stderr
    done = glowback("verify", "nowhere", *at_server)
    assert done.returncode == 1
    assert "Run not found" in done.stderr
