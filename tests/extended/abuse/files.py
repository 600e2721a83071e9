"""Price files that are damaged, monstrous, cut or written while they are read.

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
MOST_MB = 400


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
        for path in folder.iterdir():
            path.unlink()
        if not mutant.name.endswith(".parquet"):
            (folder / f"{SYMBOL}_1d.csv").write_text(GOOD)
        (folder / mutant.name).write_bytes(mutant.content)
        yield folder.name, mutant


async def test_no_damaged_file_is_a_surprise(
    serve: Any, state: Callable[[str], None], tmp_path: Path
) -> None:
    ends: dict[str, int] = {}
    files = mutants(MUTANTS)
    batches = iter(lambda: [*islice(files, 200)], [])
    async with serve("--data", str(tmp_path)) as server:
        for batch in batches:
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


def monsters(folder: Path) -> None:
    """Write small files that hold gigabytes, and lines that do not end."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = 10_000_000
    prices = {name: np.full(rows, 10.0) for name in ("open", "high", "low", "close", "volume")}
    part = pa.table({"date": np.full(rows, np.datetime64("2016-01-04", "ns")), **prices})
    with pq.ParquetWriter(folder / "ROWS_1d.parquet", part.schema, compression="zstd") as writer:
        for _ in range(6):
            writer.write_table(part, row_group_size=rows)
    few = part.slice(0, 3_000)
    indices = pa.array(np.zeros(3_000, "i4"))
    texts = pa.DictionaryArray.from_arrays(indices, pa.array(["X" * 1_000_000]))
    pq.write_table(few.append_column("symbol", texts), folder / "TEXT_1d.parquet")
    for name, text in {
        "LINE": f"{HEADER}2016-01-04,10,11,9,10,{'1' * (256 << 20)}\n",
        "HEAD": f"{HEADER[:-1]},{'x' * (256 << 20)}\n2016-01-04,1,1,1,1,1,1\n",
        "QUOTE": f'{HEADER}2016-01-04,10,11,9,10,"' + "1\n" * (64 << 20),
        "NULS": "\0" * (256 << 20),
        "COMMAS": f"{HEADER}{',' * (128 << 20)}\n",
    }.items():
        (folder / f"{name}_1d.csv").write_text(text)
    os.mkfifo(folder / "PIPE_1d.csv")


async def test_small_files_that_hold_gigabytes_cost_little(
    serve: Any, state: Callable[[str], None], tmp_path: Path
) -> None:
    monsters(tmp_path)
    (tmp_path / "GOOD_1d.csv").write_text(GOOD)
    async with serve("--data", str(tmp_path), "--workers", "1") as server:
        good = await server.submit(symbols=["GOOD"], **DAILY)
        assert (await server.ended(good))["state"] == "completed"
        for name in ("ROWS", "TEXT", "LINE", "HEAD", "QUOTE", "NULS", "COMMAS"):
            dates = {"start_date": "2016-01-01", "end_date": "2016-12-31"}
            status = await server.ended(await server.submit(symbols=[name], **dates))
            assert status["state"] == "failed"
            assert name in status["error"]
            peak = max(_peak_mb(process) for process in server.children)
            state(f"{name}: worker at most {peak:.0f} MB: {status['error'][:100]}")
            assert peak < MOST_MB, name
        listed = await server.get("/datasets")
        assert {one["symbol"] for one in listed if one["problem"]} >= {"ROWS", "TEXT", "LINE"}
        state(f"the server at most {server.peak_mb:.0f} MB")
        assert server.peak_mb < MOST_MB
        check_log(server)


def _peak_mb(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024 / 1e6


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


@pytest.mark.parametrize("cache", ["off", ".c"])
@pytest.mark.parametrize("how", ["renamed", "in place"])
async def test_a_file_that_is_written_all_the_time_is_never_a_mixture(
    serve: Any, state: Callable[[str], None], tmp_path: Path, how: str, cache: str
) -> None:
    versions = [minutes(level, 60_000) for level in (100, 300)]
    path, other = tmp_path / "X_1m.csv", tmp_path / "new"
    ends: dict[str, int] = {}

    async def write() -> None:
        for number in count():
            text = versions[number % 2]
            if how == "renamed":
                other.write_text(text)
                other.replace(path)
            else:
                with path.open("r+") as file:
                    for start in range(0, len(text), 200_000):
                        file.write(text[start : start + 200_000])
                        file.flush()
                        await trio.sleep(0.004)
            await trio.sleep(0.03)

    async def outcome(server: ServerProcess) -> str:
        run_id = await server.submit(symbols=["X"], strategy={"name": "buy_and_hold"}, **MINUTES)
        status = await server.ended(run_id)
        if status["state"] != "completed":
            assert status["error"].startswith("X_1m.csv changes while it is read")
            return "named"
        result = await server.get(f"/backtests/{status['run_id']}/results?include=equity_curve")
        return repr([point["value"] for point in result["equity_curve"]])

    async with serve("--data", str(tmp_path), "--cache", cache) as server:
        known = {}
        for level, text in enumerate(versions):
            path.write_text(text)
            known[await outcome(server)] = f"version {level}"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            for _ in range(12):
                end = await outcome(server)
                assert end == "named" or end in known, "a mixture"
                ends[known.get(end, end)] = ends.get(known.get(end, end), 0) + 1
            nursery.cancel_scope.cancel()
        other.write_text(versions[1])
        other.replace(path)
        assert known[await outcome(server)] == "version 1"
        check_log(server)
    state(f"{ends}")
