"""The cache changes how long a load takes and nothing else.

Rule: every load with a cache is compared with the same load without one, whatever happens to the
price files or to the shards between two loads.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.data import CACHE_NAME, Catalogue
from glowback_trio.data.cache.cache import Cache, open_reader
from glowback_trio.data.cache.shard import CacheEntry, open_shard, write_shard
from glowback_trio.data.files.directory import RESOLUTION_SUFFIX, PriceDirectory
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Dataset
from glowback_trio.model.request import BacktestRequest, Resolution
from glowback_trio.model.sessions.stamps import Stamps

HEADER = "date,open,high,low,close,volume\n"
ROWS = [f"2020-03-0{day},10,20,9,1{day},100\n" for day in range(2, 7)]
SYMBOLS = ("AAPL", "IBM", "MSFT", "SPY")
LONG_AGO = 1_600_000_000


def write(folder: Path, symbol: str, rows: Iterable[str] = ROWS, when: int = LONG_AGO) -> Path:
    """Write a price file with an old modification time and a new inode."""
    temporary, path = folder / f"{symbol}.temporary", folder / f"{symbol}_1d.csv"
    temporary.write_text(HEADER + "".join(rows))
    os.utime(temporary, (when, when))
    temporary.replace(path)  # a new inode: these tests are faster than a file system's clock ticks
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "prices"
    folder.mkdir()
    for symbol in SYMBOLS:
        write(folder, symbol)
    return folder


def load(
    root: Path, *symbols: str, cache: str | Path | None = CACHE_NAME, **fields: Any
) -> Dataset:
    dates = {"start_date": "2020-03-01", "end_date": "2020-03-31"}
    request = BacktestRequest(**({"symbols": symbols or SYMBOLS} | dates | fields))
    return Catalogue(root, cache=None if cache is None else Path(cache)).load(request)


def shards(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((root / CACHE_NAME).iterdir())}


def is_cached(dataset: Dataset) -> list[bool]:
    """Return for each symbol whether its bars are bytes of a shard and not parsed numbers."""
    return [isinstance(owner_of(bars.time), bytes | memoryview) for bars in dataset.bars]


def owner_of(memory: Any) -> Any:
    """Return the owner of the memory that an array is a view of."""
    while isinstance(memory, np.ndarray):
        memory = memory.base
    return memory


def same(one: Dataset, other: Dataset) -> bool:
    return one.digest() == other.digest() and one.quality == other.quality


def test_the_next_load_copies_the_same_bars(root: Path) -> None:
    plain, first, second = load(root, cache=None), load(root), load(root)
    assert is_cached(plain) == is_cached(first) == [False] * 4
    assert is_cached(second) == [True] * 4
    assert same(plain, first)
    assert same(plain, second)
    assert second.bars[0].known_digest == plain.bars[0].digest()


@pytest.mark.parametrize(
    "dates",
    [("2020-03-03", "2020-03-05"), ("2020-03-01", "2020-03-02"), ("2020-03-06", "2020-04-01")],
)
def test_a_part_of_the_bars_is_the_same_part(root: Path, dates: tuple[str, str]) -> None:
    period = {"start_date": dates[0], "end_date": dates[1]}
    load(root)
    assert same(load(root, **period), load(root, cache=None, **period))


def test_a_range_without_bars_is_the_same_error(root: Path) -> None:
    period = {"start_date": "2021-03-01", "end_date": "2021-04-01"}
    messages = []
    load(root)
    for cache in (CACHE_NAME, None):
        with pytest.raises(DataError) as caught:
            load(root, cache=cache, **period)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


WRITTEN = {
    "offsets": ("2020-03-27 09:30:00+01:00", "2020-03-30 09:30:00+02:00"),
    "local": ("2020-03-27 09:30:00", "2020-03-30 09:30:00"),
    "Z": ("2020-03-27T23:30:00Z", "2020-03-29T23:30:00Z"),
}


@pytest.mark.parametrize("resolution", ["day", "hour"])
@pytest.mark.parametrize("timezone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("written", WRITTEN)
def test_offsets_and_zones_mean_the_same_from_the_cache(
    root: Path, written: str, timezone: str | None, resolution: Resolution
) -> None:
    rows = [f"{time},10,12,9,11,100\n" for time in WRITTEN[written]]
    daily = write(root, "ZONE", rows)
    daily.rename(root / f"ZONE_{RESOLUTION_SUFFIX[resolution]}.csv")
    asked = {"symbols": "ZONE", "resolution": resolution, "timezone": timezone}
    plain = load(root, cache=None, **asked)
    for _ in range(2):
        cached = load(root, **asked)
        assert same(cached, plain)
        assert cached.bars[0].date.tolist() == plain.bars[0].date.tolist()


@pytest.mark.parametrize(
    "rows",
    [
        [*ROWS, ROWS[0]],
        [ROWS[1], ROWS[0]],
        [ROWS[0], "2020-03-04,10,8,9,1,100\n"],
        [ROWS[0], "2020-03-04,10,20,9,11,-5\n"],
    ],
)
def test_faulty_rows_are_checked_again_on_every_load(root: Path, rows: Sequence[str]) -> None:
    write(root, "AAPL", rows)
    plain = load(root, cache=None)
    load(root)
    assert same(load(root), plain)
    assert plain.quality[0].critical or plain.quality[0].warnings


def test_an_impossible_price_from_the_cache_is_named_by_its_line(root: Path) -> None:
    write(root, "AAPL", [*ROWS[:2], ROWS[2].replace(",9,", ",-9,")])
    for _ in range(2):
        with pytest.raises(DataError, match=r"^AAPL_1d\.csv, line 4, column 'low': .* got -9\.0$"):
            load(root)


def test_a_few_of_many_files_are_the_same_bars(root: Path) -> None:
    # More files than shards, so that one file is less than half of its shard, and read by itself.
    names = [f"N{number}" for number in range(60)]
    for name in names:
        write(root, name)
    load(root, *names)
    whole = load(root, *names)
    assert is_cached(whole) == [True] * 60
    for bars in whole.bars[:20]:
        alone = load(root, bars.symbol)
        assert is_cached(alone) == [True]
        assert alone.bars[0].digest() == bars.digest()
        assert alone.bars[0].close.tobytes() == bars.close.tobytes()


def test_files_with_the_same_times_share_them_in_memory(root: Path) -> None:
    load(root)
    assert len({id(bars.time) for bars in load(root).bars}) == 1


def test_bars_of_the_cache_cannot_be_written_to(root: Path) -> None:
    load(root)
    for bars in load(root).bars:
        for column in (bars.time, bars.open, bars.volume):
            with pytest.raises(ValueError, match=r"(?i)writeable"):
                column.setflags(write=True)


def test_one_bad_file_does_not_keep_the_others_from_the_cache(root: Path) -> None:
    write(root, "SPY", ["x\n"])
    with pytest.raises(DataError, match="SPY_1d"):
        load(root)
    assert is_cached(load(root, "AAPL", "IBM", "MSFT")) == [True] * 3


def test_a_file_that_has_changed_is_read_again_though_size_and_time_are_the_same(
    root: Path,
) -> None:
    before = (root / "AAPL_1d.csv").stat()
    load(root)
    write(root, "AAPL", [row.replace(",20,", ",21,") for row in ROWS])
    after = (root / "AAPL_1d.csv").stat()
    assert (after.st_size, after.st_mtime) == (before.st_size, before.st_mtime)
    changed = load(root)
    assert changed.bars[0].high.tolist() == [21] * 5
    assert is_cached(changed) == [False, True, True, True]
    assert is_cached(load(root)) == [True] * 4


def test_a_file_that_was_only_touched_is_not_parsed_again(root: Path) -> None:
    load(root)
    os.utime(root / "AAPL_1d.csv", (LONG_AGO + 9, LONG_AGO + 9))
    assert is_cached(load(root)) == [True] * 4


def test_a_file_that_may_still_change_is_not_cached(root: Path) -> None:
    """A second change within one tick of the file system's clock would not be noticed."""
    write(root, "AAPL", when=2**33)
    load(root)
    assert is_cached(load(root)) == [False, True, True, True]
    [file] = [one for one in PriceDirectory.of(root).files() if one.symbol == "IBM"]  # type: ignore[union-attr]  # it is there
    for seconds, kept in ((1, 0), (3, 1)):
        now = (LONG_AGO + seconds) * 10**9
        cache = Cache(root / "other", {"IBM_1d.csv"}, now=partial(int, now))
        cache.read(file)
        cache.flush()
        assert len(list((root / "other").glob("*.bars"))) == kept


def test_a_file_that_has_changed_since_it_was_listed_is_cached_as_it_was_read(root: Path) -> None:
    directory = PriceDirectory.of(root)
    assert directory is not None
    files = list(directory.files())
    write(root, "AAPL", ROWS[:3])
    with open_reader(root / CACHE_NAME, directory.names) as read:
        assert [len(read(file).rows) for file in files] == [3, 5, 5, 5]
    cached = load(root)
    assert is_cached(cached) == [True] * 4
    assert same(cached, load(root, cache=None))


@pytest.mark.parametrize(
    "harm", ["cut", "emptied", "zeroed", "flipped", "index", "replaced", "dir"]
)
def test_a_damaged_shard_is_detected_and_replaced(root: Path, harm: str) -> None:
    plain = load(root, cache=None)
    load(root)
    for path in (root / CACHE_NAME).iterdir():
        content = bytearray(path.read_bytes())
        path.unlink()
        match harm:
            case "cut":
                content = content[: len(content) // 2]
            case "emptied":
                content = bytearray()
            case "zeroed":
                content[-128:] = bytes(128)
            case "flipped":
                content[-100] ^= 1
            case "index":
                content[40] ^= 1
            case "replaced":
                content = bytearray(b"something else altogether")
        if harm == "dir":
            path.mkdir()
        else:
            path.write_bytes(content)
    again = load(root)
    assert same(again, plain)
    assert not any(is_cached(again))
    assert harm == "dir" or all(is_cached(load(root)))


@given(st.data())
def test_no_flipped_bit_of_a_shard_becomes_a_price(
    shard: tuple[Path, bytes], data: st.DataObject
) -> None:
    path, content = shard
    place = data.draw(st.integers(0, len(content) - 1))
    harmed = bytearray(content)
    harmed[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(harmed)
    entry = open_shard(path).take("X_1d.csv")
    if entry is not None:  # the padding has nothing to lose
        assert entry.stamps.time.tolist() == [1, 2, 3]
        assert entry.values.tolist() == np.arange(15.0).reshape(5, 3).tolist()


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("shards") / "one.bars"
    stamps = Stamps(np.array([1, 2, 3], dtype="M8[ns]"))
    values = np.arange(15.0).reshape(5, 3)
    write_shard(path, [CacheEntry("X_1d.csv", (1, 2, 3, 4), "source", "day", None, stamps, values)])
    return path, path.read_bytes()


days = st.integers(1, 9)
prices = st.sampled_from(["10", "9.5", "11", "10.25", "0", "-1", "x"])
lines = st.tuples(days, prices, prices, st.sampled_from(["100", "0", "-5"])).map(
    lambda row: f"2020-03-0{row[0]},{row[1]},11,9.5,{row[2]},{row[3]}\n"
)


@given(st.lists(lines, min_size=1, max_size=8), days, days)
def test_any_rows_and_range_are_the_same_from_cache_and_file(
    changing: Path, rows: list[str], first: int, last: int
) -> None:
    write(changing, "AAPL", rows)
    period = {"start_date": f"2020-03-0{first}", "end_date": f"2020-03-0{max(first, last)}"}
    assert outcome(changing, None, period) == outcome(changing, CACHE_NAME, period)
    assert outcome(changing, None, period) == outcome(changing, CACHE_NAME, period)


def outcome(root: Path, cache: str | None, period: dict[str, str]) -> object:
    try:
        dataset = load(root, "AAPL", cache=cache, **period)
    except DataError as error:
        return str(error)
    return dataset.digest(), dataset.quality


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("changing")


def test_arrays_of_a_shard_keep_their_values_when_their_shard_is_replaced(root: Path) -> None:
    load(root)
    cached = load(root)
    before = [bars.close.copy() for bars in cached.bars]
    for symbol in SYMBOLS:
        write(root, symbol, [row.replace(",1", ",2") for row in ROWS])
    load(root)
    assert all((bars.close == old).all() for bars, old in zip(cached.bars, before, strict=True))
    with pytest.raises(ValueError, match="read-only"):
        cached.bars[0].close[0] = 1.0


def test_many_loads_at_once_see_whole_shards(root: Path) -> None:
    names = [f"S{number}" for number in range(200)]
    same_shard = [name for name in names if zlib.crc32(f"{name}_1d.csv".encode()) % 16 == 0][:4]
    for symbol in same_shard:
        write(root, symbol)
    plain = [load(root, symbol, cache=None).digest() for symbol in same_shard]
    seen: list[tuple[int, str]] = []

    def work(number: int) -> None:
        for _ in range(10):
            os.utime(root / f"{same_shard[number]}_1d.csv", (LONG_AGO + number,) * 2)
            seen.append((number, load(root, same_shard[number]).digest()))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) == set(enumerate(plain))
    assert len(seen) == 40
    assert [*shards(root)] == ["00.bars"], "no temporary file is left"


def test_a_directory_that_cannot_be_written_loads_without_cache(root: Path) -> None:
    (root / CACHE_NAME).write_text("in the way")
    plain = load(root, cache=None)
    for _ in range(2):
        assert same(load(root), plain)
    assert (root / CACHE_NAME).read_text() == "in the way"


def test_a_shared_cache_directory_keeps_data_directories_apart(root: Path) -> None:
    elsewhere = root.parent / "elsewhere"
    (root / "inner").mkdir()
    write(root / "inner", "AAPL", [row.replace(",20,", ",21,") for row in ROWS])
    for _ in range(2):
        outer = load(root, "AAPL", cache=elsewhere)
        inner = load(root, "AAPL", cache=elsewhere, data_source="csv", csv_data_path="inner")
        assert (outer.bars[0].high[0], inner.bars[0].high[0]) == (20, 21)
    assert is_cached(inner) == [True]
    assert not (root / CACHE_NAME).exists()


def test_entries_of_deleted_files_are_dropped(root: Path) -> None:
    """Forty files in sixteen shards, so that some shards have deleted and existing files."""
    deleted = {f"G{number}" for number in range(20)}
    others = {f"O{number}" for number in range(20)}
    for symbol in deleted | others:
        write(root, symbol)
    load(root, *sorted(deleted | others))
    both = [names for names in kept_names(root) if names & deleted and names & others]
    assert both, "or the test shows nothing"
    for symbol in deleted:
        (root / f"{symbol}_1d.csv").unlink()
    for symbol in others:
        write(root, symbol, ROWS[:4])
    load(root, *sorted(others))
    assert not any(names & deleted and names & others for names in kept_names(root))


def kept_names(root: Path) -> list[set[str]]:
    paths = sorted((root / CACHE_NAME).iterdir())
    return [{name.removesuffix("_1d.csv") for name in open_shard(path).index} for path in paths]


def test_a_stopped_load_caches_nothing(root: Path) -> None:
    class StopError(Exception):
        pass

    def stop() -> None:
        raise StopError

    request = BacktestRequest(symbols=SYMBOLS, start_date="2020-03-01", end_date="2020-03-31")
    with pytest.raises(StopError):
        Catalogue(root, cache=Path(CACHE_NAME)).load(request, stop)
    assert not (root / CACHE_NAME).exists()


def test_the_listing_uses_and_fills_the_cache(root: Path) -> None:
    catalogue = Catalogue(root, allow_sample=False, cache=Path(CACHE_NAME))
    listed = catalogue.datasets()
    assert is_cached(load(root)) == [True] * 4
    assert Catalogue(root, allow_sample=False, cache=Path(CACHE_NAME)).datasets() == listed
    assert Catalogue(root, allow_sample=False).datasets() == listed


def test_nothing_is_written_without_a_cache(root: Path) -> None:
    load(root, cache=None)
    assert sorted(path.name for path in root.iterdir()) == [f"{one}_1d.csv" for one in SYMBOLS]


def test_a_large_file_has_a_shard_of_its_own(root: Path) -> None:
    path = root / "BIG_1d.csv"
    path.write_text(HEADER + "".join(ROWS) + "\n" * (1 << 20))
    os.utime(path, (LONG_AGO, LONG_AGO))
    first = load(root, "BIG", "AAPL")
    assert open_shard(root / CACHE_NAME / "BIG_1d.csv.bars").index.keys() == {"BIG_1d.csv"}
    again = load(root, "BIG", "AAPL")
    assert same(first, again)
    assert again.bars[0].known_digest == first.bars[0].digest(), "it was not parsed again"
    assert is_cached(again) == [True, True]


def test_entries_in_memory_are_bounded(root: Path) -> None:
    directory = PriceDirectory.of(root)
    assert directory is not None
    cache = Cache(root / CACHE_NAME, directory.names, max_pending=2 * 5 * 5 * 8)
    kept = []
    for file in directory.files():
        cache.read(file)
        kept.append(sum(map(len, kept_names(root))) if (root / CACHE_NAME).exists() else 0)
    assert kept == [0, 0, 3, 3], "two files' prices may wait, a third is too much"
    cache.flush()
    assert is_cached(load(root)) == [True] * 4
