"""A run reads one version of each file, whoever writes it meanwhile.

Rule: the writer acts inside of the reading, at a point that the test chooses, so nothing depends on
timing. What is read is all of one version, or the file is named.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from attrs import define

from glowback_trio import BacktestRequest, Catalogue
from glowback_trio.data.cache.cache import CACHE_NAME
from glowback_trio.data.files.csv_file import place_in_csv
from glowback_trio.data.files.directory import PriceDirectory
from glowback_trio.data.reading.unchanged_file import (
    ChangedFileError,
    OpenedFile,
    read_unchanged,
    version_of,
)
from glowback_trio.data.tools import read_prices
from glowback_trio.errors import DataError

HEADER = "date,open,high,low,close,volume\n"


def prices(level: int) -> str:
    rows = (f"2020-01-0{day},{level},{level},{level},{level},9\n" for day in range(1, 8))
    return HEADER + "".join(rows)


def in_place(path: Path, text: str) -> None:
    with path.open("r+") as file:
        file.write(text)


def renamed(path: Path, text: str) -> None:
    other = path.with_suffix(".new")
    other.write_text(text)
    other.replace(path)


@define
class Writer:
    """Reads the first half of a file, lets it change, and reads the second half."""

    path: Path
    change: Callable[[Path, str], None]
    times: int
    done: int = 0

    def __call__(self, file: OpenedFile) -> bytes:
        file.content.seek(0)
        # Unbuffered, or the whole file would be in the buffer.
        size = file.version[0] // 2
        first = os.pread(file.content.fileno(), size, 0)
        if self.done < self.times:
            self.done += 1
            self.change(self.path, prices(200 + self.done))
        return first + os.pread(file.content.fileno(), 10_000, size)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "X_1d.csv"
    file.write_text(prices(100))
    return file


@pytest.mark.parametrize(
    ("change", "level", "reads"),
    [(in_place, 201, 2), (renamed, 100, 2)],
    ids=["in place", "renamed"],
)
def test_a_file_that_changes_is_read_again(
    path: Path, change: Callable[[Path, str], None], level: int, reads: int
) -> None:
    writer = Writer(path, change, times=1)
    content, version = read_unchanged(path, writer)
    assert content.decode() == prices(level)
    assert (version == version_of(path.stat())) == (change is in_place)
    assert writer.done == 1


def test_a_file_that_is_renamed_over_again_and_again_is_read_as_it_was(path: Path) -> None:
    content, _ = read_unchanged(path, Writer(path, renamed, times=100))
    assert content.decode() in {prices(100), *(prices(200 + n) for n in range(1, 101))}


def test_a_file_that_changes_whenever_it_is_read_is_named(path: Path) -> None:
    with pytest.raises(ChangedFileError) as caught:
        read_unchanged(path, Writer(path, in_place, times=100))
    assert str(caught.value) == (
        "X_1d.csv changes while it is read; write new prices into another file and rename that"
    )


def test_a_change_that_keeps_size_and_time_of_the_content_is_noticed(path: Path) -> None:
    def stealthily(file: Path, text: str) -> None:
        before = file.stat()
        in_place(file, text)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    content, _ = read_unchanged(path, Writer(path, stealthily, times=1))
    assert content.decode() == prices(201)


def test_an_error_of_a_half_written_file_does_not_count(path: Path) -> None:
    seen: list[str] = []

    def read(file: OpenedFile) -> str:
        seen.append(file.content.read().decode())
        if len(seen) == 1:
            in_place(path, prices(300))
            raise ValueError("half of it")
        return seen[-1]

    content, _ = read_unchanged(path, read)
    assert content == prices(300)
    with pytest.raises(DataError, match=r"^X_1d\.csv cannot be read: all of it \(ValueError\)$"):
        read_unchanged(path, lambda _file: int("x") if not seen else _fail())


def _fail() -> str:
    raise ValueError("all of it")


@pytest.mark.parametrize("kind", ["pipe", "directory", "gone", "link in a circle"])
def test_what_is_no_file_is_named_and_nobody_waits_for_it(path: Path, kind: str) -> None:
    path.unlink()
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "link in a circle":
            path.symlink_to(path)
    with pytest.raises(DataError, match=r"^X_1d\.csv cannot be read: "):
        read_unchanged(path, lambda file: file.content.read())


def test_the_line_of_a_row_is_not_looked_up_in_another_version(path: Path) -> None:
    version = version_of(path.stat())
    assert place_in_csv(path, version, 2) == "line 4"
    renamed(path, "\n\n" + prices(300))
    assert place_in_csv(path, version, 2) == "row 3"
    path.unlink()
    assert place_in_csv(path, version, 2) == "row 3"


def test_files_of_one_run_belong_together(tmp_path: Path) -> None:
    """Both files are replaced between the reading of the first and that of the second."""
    for symbol in ("A", "B"):
        (tmp_path / f"{symbol}_1d.csv").write_text(prices(100))
    request = BacktestRequest(symbols=("A", "B"), start_date="2020-01-01", end_date="2020-01-31")
    changes = iter(range(1, 1_000))

    def levels(pairs: int, names: str) -> set[float]:
        calls: Iterator[int] = iter(range(1_000))

        def checkpoint() -> None:
            # Called before each symbol: the odd calls are between the two.
            if (call := next(calls)) % 2 and call < 2 * pairs:
                level = 100 + next(changes)
                for symbol in names:
                    renamed(tmp_path / f"{symbol}_1d.csv", prices(level))

        dataset = Catalogue(tmp_path).load(request, checkpoint)
        return {float(bars.close[0]) for bars in dataset.bars}

    assert len(levels(1, "AB")) == 1, "read again"
    with pytest.raises(ChangedFileError, match=r"^A_1d\.csv, B_1d\.csv change while they are read"):
        levels(100, "AB")
    assert len(levels(100, "B")) == 2, "one file that changes fits the other, which has not"


def test_a_cached_file_is_kept_under_the_version_that_was_read(path: Path) -> None:
    directory = PriceDirectory.of(path.parent)
    assert directory is not None
    [file] = directory.files()
    renamed(path, prices(300))
    os.utime(path, (1_600_000_000,) * 2)
    request = BacktestRequest(symbols="X", start_date="2020-01-01", end_date="2020-01-31")
    for _ in range(2):
        [bars] = Catalogue(path.parent, cache=Path(CACHE_NAME)).load(request).bars
        assert bars.close[0] == 300
    assert file.version != version_of(path.stat())


def test_a_file_that_changes_while_it_is_imported_is_named(path: Path) -> None:
    lines = prices(100).splitlines()
    rows = [f"{symbol},{line}" for symbol in "AB" for line in lines[1:]]
    path.write_text("\n".join([f"symbol,{lines[0]}", *rows]))
    found = read_prices(path)
    with ExitStack() as stack:
        stack.callback(found.close)  # type: ignore[attr-defined]  # it is a generator
        assert next(found).bars.symbol == "A"
        renamed(path, prices(300))
        assert next(found).bars.symbol == "B", "it had been read to its end"
        with pytest.raises(ChangedFileError, match=r"^X_1d\.csv changes while it is read"):
            next(found)
