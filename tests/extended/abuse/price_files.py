"""Price files that are bombs, damaged, impossible, or replaced while they are read.

Rule: each is a finding of that file alone. The server goes on, its memory stays bounded by what
files may hold, the list of datasets is served, and a result is never a mixture of two versions.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # the same
import pytest
import trio
from support.server_process import REQUEST, ServerProcess

HEADER = "timestamp,open,high,low,close,volume\n"
COLUMNS = ("open", "high", "low", "close", "volume")
#: What a server's memory may grow by, whatever a file claims to hold.
MOST_MB = 400
MINUTES = 60_000


def days(count: int) -> str:
    dates = np.datetime64("2016-01-04") + np.arange(count)
    return "".join(f"{date},10,11,9,10,100\n" for date in dates)


def write_table(path: Path, times: Any, repeats: int = 1, **more: Any) -> None:
    columns = {"timestamp": times, **{name: np.full(len(times), 10.0) for name in COLUMNS}, **more}
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    with pq.ParquetWriter(path, table.schema, compression="zstd") as writer:
        for _ in range(repeats):
            writer.write_table(table, row_group_size=len(times))


def many_rows(path: Path) -> None:
    times = np.full(2_000_000, np.datetime64("2016-01-04T00:00:00", "ns"))
    write_table(path, times, repeats=30)


def long_text(path: Path) -> None:
    times = np.datetime64("2016-01-04", "ns") + np.arange(3000).astype("m8[D]")
    index = pa.array(np.zeros(3000, "i4"))
    text = pa.DictionaryArray.from_arrays(index, pa.array(["X" * 1_000_000]))
    write_table(path, times.astype("M8[ns]"), symbol=text)


def text_file(*parts: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with path.open("w") as file:
            file.writelines(parts)

    return write


#: Name of a file -> what makes it.
BOMBS: dict[str, Callable[[Path], None]] = {
    "ONELINE_1d.csv": text_file(HEADER, "2016-01-04,10,11,9,10,", "1" * (1 << 28), "\n"),
    "ONEHEAD_1d.csv": text_file(HEADER[:-1], ",", "x" * (1 << 28), "\n", days(3)),
    "QUOTE_1d.csv": text_file(HEADER, '2016-01-04,10,11,9,10,"', "1\n" * (1 << 27)),
    "NULLS_1d.csv": text_file("\0" * (1 << 28)),
    "COMMAS_1d.csv": text_file(HEADER, "," * (1 << 27), "\n"),
    "FIFO_1d.csv": os.mkfifo,
    "LOOP_1d.csv": lambda path: path.symlink_to(path.name),
    "OUT_1d.csv": lambda path: path.symlink_to("/etc/passwd"),
    "ZERO_1d.csv": lambda path: path.symlink_to("/dev/zero"),
    "FOLDER_1d.csv": Path.mkdir,
    "ROWS_1d.parquet": many_rows,
    "TEXT_1d.parquet": long_text,
    "JUNK_1d.parquet": text_file("PAR1", "junk" * 4096, "PAR1"),
    "NEVER_1d.parquet": lambda path: write_table(
        path, pa.array([1451865600 * 10**9, 2**63 - 1], pa.timestamp("ns"))
    ),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_file_is_a_finding_and_nothing_else(
    serve: Any, state: Callable[[str], None], tmp_path: Path, name: str
) -> None:
    (tmp_path / "GOOD_1d.csv").write_text(HEADER + days(1000))
    BOMBS[name](tmp_path / name)
    symbol = name.partition("_")[0]
    async with serve("--data", str(tmp_path)) as server:
        before = server.memory_mb
        server.forget_peak()
        listed = await server.get("/datasets")
        assert "GOOD" in json.dumps(listed)
        reply = await server.ask("POST", "/backtests", {**REQUEST, "symbols": [symbol]})
        if reply.status == 201:
            status = await server.ended(json.loads(reply.body)["run_id"])
            assert status["state"] == "failed", status
            assert "unexpected" not in status["error"].lower(), status
            ending = status["error"]
        else:
            assert reply.status == 422, reply
            ending = reply.body.decode()
        assert (await server.run(symbols=["GOOD"]))["state"] == "completed"
        assert "Traceback" not in server.log
        grown = server.peak_mb - before
        state(f"peak {grown:.0f} MB above {before:.0f}; {ending[:100]}")
        assert grown < MOST_MB


def version(price: int) -> str:
    times = np.datetime64("2010-01-04T00:00") + np.arange(MINUTES).astype("m8[m]")
    return HEADER + "".join(
        f"{time},{price + n % 50},{price + 1 + n % 50},{price - 1 + n % 50},{price + n % 50},10\n"
        for n, time in enumerate(times.astype(str))
    )


def rename(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def write_in_place(path: Path, text: str) -> None:
    with path.open("r+") as file:
        for start in range(0, len(text), 200_000):
            file.write(text[start : start + 200_000])
            file.flush()


@contextmanager
def replaced(path: Path, versions: list[str], write: Callable[[Path, str], None]) -> Iterator[None]:
    """Write one version over the other, again and again, for the length of a block."""
    over = threading.Event()

    def replace() -> None:
        while not over.wait(0.03):
            versions.reverse()
            write(path, versions[0])

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


async def result_of(server: ServerProcess) -> str:
    """Run on the file, and return the digest of what came out, or why the run failed."""
    dates = {"start_date": "2010-01-01", "end_date": "2010-12-31", "resolution": "minute"}
    request = {**dates, "symbols": ["X"], "strategy": {"name": "buy_and_hold"}}
    status = await server.run(30, **request)
    if status["state"] != "completed":
        return str(status["error"])
    path = f"/backtests/{status['run_id']}/results?include=equity_curve,trades,metrics_summary"
    result = await server.get(path)
    trades = [(each["price"], each["shares"]) for each in result["trades"]]
    told = [result["metrics_summary"], result["final_cash"], result["equity_curve"], trades]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@pytest.mark.parametrize("cache", ["off", ".cache"])
@pytest.mark.parametrize("write", [rename, write_in_place])
async def test_a_file_that_is_replaced_is_read_whole_or_fails_its_run(
    serve: Any,
    state: Callable[[str], None],
    tmp_path: Path,
    write: Callable[[Path, str], None],
    cache: str,
) -> None:
    path = tmp_path / "X_1m.csv"
    versions = [version(100), version(300)]
    async with serve("--data", str(tmp_path), "--cache", cache) as server:
        known = {}
        for number, text in enumerate(versions):
            rename(path, text)
            os.utime(path, (1e9 + number, 1e9 + number))
            known[await result_of(server)] = f"version {number}"
        assert len(known) == 2
        with replaced(path, versions, write):
            found = [await result_of(server) for _ in range(25)]
        counted = Counter(known.get(each, "failed" if "X" in each else "mixture") for each in found)
        state(f"{dict(counted)}")
        assert counted["mixture"] == 0, found
        assert "Traceback" not in server.log
        rename(path, versions[0])
        await trio.sleep(2.5)  # older than what a file's time can tell apart
        assert await result_of(server) in known
