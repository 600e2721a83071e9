"""The virtual disk: what is left of a file after a power cut, and a disk that fails.

Doctrine: a database of SQLite's own, opened by the test with apsw; what was synced is there for
every seed, and what was not is missing, whole or torn for some.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
import pytest

from glowback_trio.testing import Operation, VirtualDisk


@contextmanager
def database(
    path: Path, journal: str = "WAL", synchronous: str = "FULL"
) -> Iterator[apsw.Connection]:
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("CREATE TABLE IF NOT EXISTS notes (text)")
        yield connection


def notes_after_cut(disk: VirtualDisk, directory: Path, seed: int, after: int) -> list[str] | None:
    """Return what is in the database after a cut; None if SQLite finds it malformed."""
    disk.write_after_cut(directory, seed=seed, after=after)
    try:
        with database(directory / "notes.db") as connection:
            return [text for (text,) in connection.execute("SELECT text FROM notes")]
    except (apsw.CorruptError, apsw.NotADBError):
        return None


@pytest.fixture
def after(tmp_path: Path) -> Path:
    directory = tmp_path / "after"
    directory.mkdir()
    return directory


# By SQLite's documentation: a rollback journal that was deleted may come back unless EXTRA syncs
# the directory, and takes the last commit with it.
@pytest.mark.parametrize(
    ("journal", "synchronous", "is_durable"),
    [
        ("WAL", "FULL", True),
        ("WAL", "NORMAL", False),
        ("DELETE", "EXTRA", True),
        ("DELETE", "FULL", False),
        ("DELETE", "OFF", False),
    ],
)
def test_a_cut_takes_what_sqlite_says_that_it_may(
    journal: str, synchronous: str, *, is_durable: bool, tmp_path: Path, after: Path
) -> None:
    disk, told = VirtualDisk(), []
    path = tmp_path / "notes.db"
    with disk.installed(), database(path, journal, synchronous) as connection:
        for number in range(5):
            connection.execute("INSERT INTO notes VALUES (?)", (f"note {number} " + "x" * 3000,))
            told.append(len(disk.operations))
    losses = 0
    for seed in range(40):
        cut = told[0] + seed * (told[-1] - told[0]) // 40
        notes = notes_after_cut(disk, after, seed, cut)
        losses += notes is None or len(notes) < sum(at <= cut for at in told)
    assert (losses == 0) == is_durable


def test_the_same_seed_leaves_the_same_bytes(tmp_path: Path) -> None:
    disk = VirtualDisk()
    with disk.installed(), database(tmp_path / "notes.db", synchronous="OFF") as connection:
        connection.execute("INSERT INTO notes VALUES ('one')")
    images = [disk.files_after_cut(seed=seed) for seed in (1, 1, *range(30))]
    assert images[0] == images[1]
    assert len({tuple(sorted(image.items())) for image in images}) > 1


def test_a_disk_reports_what_it_is_told_to(tmp_path: Path) -> None:
    def tell(operation: Operation) -> None:
        if operation.kind == "write" and b"too much" in operation.data:
            raise apsw.FullError("no space")

    disk = VirtualDisk(tell)
    with disk.installed(), database(tmp_path / "notes.db") as connection:
        connection.execute("INSERT INTO notes VALUES ('little')")
        with pytest.raises(apsw.FullError):
            connection.execute("INSERT INTO notes VALUES ('too much')")
        assert connection.execute("SELECT text FROM notes").fetchall() == [("little",)]


def test_connections_outside_the_block_are_not_watched(tmp_path: Path) -> None:
    disk = VirtualDisk()
    with disk.installed():
        pass
    with database(tmp_path / "notes.db"):
        assert disk.operations == []
