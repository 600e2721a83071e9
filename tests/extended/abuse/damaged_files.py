"""Price files that are damaged, or cut while they are read.

Rule: each costs only the run that asked for it. That run says which file it was, the listing has an
answer for everybody, and no log has a traceback.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio
from support.mutated_files import SYMBOL, Mutant, mutants
from support.server_process import ServerProcess

MUTANTS = 2_400
DAILY = {"start_date": "2020-03-01", "end_date": "2020-04-30"}
MINUTES = {"resolution": "minute", "start_date": "2010-01-01", "end_date": "2010-12-31"}
HEADER = "date,open,high,low,close,volume\n"
GOOD = HEADER + "2020-03-02,1,1,1,1,1\n2020-03-03,1,1,1,1,1\n"


def minutes(level: int, rows: int) -> str:
    times = (np.datetime64("2010-01-04T00:00") + np.arange(rows).astype("m8[m]")).astype(str)
    prices = (f"{level + n % 50}" for n in count())
    return HEADER + "".join(
        f"{time},{p},{p},{p},{p},10\n" for time, p in zip(times, prices, strict=False)
    )


def check_log(server: ServerProcess) -> None:
    assert "Traceback" not in server.log, server.log[server.log.index("Traceback") - 2000 :][:4000]
    assert "unexpectedly" not in server.log


def placed(root: Path, batch: Iterable[Mutant]) -> Iterator[tuple[str, Mutant]]:
    """Write each file into a directory of its own, and yield the directory's name with it."""
    for number, mutant in enumerate(batch):
        folder = root / str(number)
        folder.mkdir(exist_ok=True)
        for path in folder.glob("*.*"):
            if path.is_file():  # and not the cache
                path.unlink()
        if not mutant.name.endswith(".parquet"):
            (folder / f"{SYMBOL}_1d.csv").write_text(GOOD)
        (folder / mutant.name).write_bytes(mutant.content)
        yield folder.name, mutant


@pytest.mark.timeout(3600)
async def test_no_damaged_file_is_a_surprise(
    serve: Any, state: Callable[[str], None], tmp_path: Path
) -> None:
    ends: dict[str, int] = {}
    files = mutants(MUTANTS)
    batches = iter(lambda: [*islice(files, 200)], [])
    async with serve("--data", str(tmp_path)) as server:
        for batch in batches:
            runs = []
            for folder, mutant in placed(tmp_path, batch):
                if "_1d" in mutant.name:
                    name = mutant.name.replace(SYMBOL, f"{SYMBOL}{folder}")
                    (tmp_path / name).write_bytes(mutant.content)
                run_id = await server.submit(
                    symbols=[SYMBOL],
                    data_source=mutant.name.rpartition(".")[2].replace("json", "csv"),
                    csv_data_path=folder,
                    adjustment="total" if "factors" in mutant.name else "none",
                    **DAILY,
                )
                runs.append((run_id, mutant))
            for run_id, mutant in runs:
                status = await server.ended(run_id)
                ends[status["state"]] = ends.get(status["state"], 0) + 1
                error = status["error"] or ""
                assert "unexpectedly" not in error, (mutant.what, error)
                assert str(tmp_path) not in error, (mutant.what, error)
                assert len(error) < 1_000, (mutant.what, error)
            listed = await server.get("/datasets")
            assert len(listed) > len(batch) // 2
        check_log(server)
    state(f"{MUTANTS} files: {ends}")


def prepare(folder: Path, *, as_parquet: bool) -> None:
    """Write a file that is old enough to be cached."""
    path = folder / "X_1m.csv"
    if as_parquet:
        path = folder / "X_1m.parquet"
        time = np.datetime64("2010-01-04", "ns") + np.arange(300_000).astype("m8[m]")
        prices = 100.0 + np.arange(300_000) % 50
        columns = dict.fromkeys(("open", "high", "low", "close", "volume"), prices)
        table = pytest.importorskip("pyarrow").table({"date": time, **columns})
        pytest.importorskip("pyarrow.parquet").write_table(table, path)
    else:
        path.write_text(minutes(100, 300_000))
    os.utime(path, (1e9, 1e9))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("compute", ["thread", "process"])
@pytest.mark.parametrize("cut", ["cache", "parquet"])
async def test_a_file_that_is_cut_while_it_is_read_ends_no_process(
    serve: Any, tmp_path: Path, compute: str, cut: str
) -> None:
    prepare(tmp_path, as_parquet=cut == "parquet")
    options = ("--data", str(tmp_path), "--cache", ".c", "--compute", compute)
    if cut == "parquet":
        options = (*options[:3], "off", *options[4:])
    async with serve(*options) as server:
        first = await server.ended(await server.submit(symbols=["X"], **MINUTES))
        assert first["state"] == "completed"
        folder = tmp_path / ".c" if cut == "cache" else tmp_path
        whole = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        for delay in range(20):
            run_id = await server.submit(symbols=["X"], **MINUTES)
            await trio.sleep(delay * 0.02)
            for path in whole:
                os.truncate(path, 1_000)
            status = await server.ended(run_id)
            named = status["state"] == "failed" and "X_1m.parquet" in status["error"]
            assert status["state"] == "completed" or (cut == "parquet" and named), status
            for path, content in whole.items():
                path.write_bytes(content)
        check_log(server)
