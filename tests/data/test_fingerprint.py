"""The fingerprint of the bars of a request: equal on two machines exactly if what is loaded is.

Doctrine: two directories, or one before and after a change, stand for two machines. What a load
reads is changed file by file; what it does not read is changed as well. Reading is counted by
what reads a file.
"""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glowback_trio.data import (
    Catalogue,
    MemoryCatalogue,
    Source,
    demo_path,
    differing,
    fingerprint_of,
)
from glowback_trio.data.reading import file_digests, unchanged_file
from glowback_trio.data.sample import GENERATOR
from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.bars import Bars
from glowback_trio.model.request import BacktestRequest

FACTORS = "date,price factor,split factor\n2019-01-02,0.5,0.5\n"


def asking(*symbols: str, **fields: Any) -> BacktestRequest:
    return BacktestRequest(
        symbols=symbols or ("SPY", "AAPL"), start_date="2018-01-01", end_date="2018-12-31", **fields
    )


def copied(place: Path) -> Path:
    return Path(shutil.copytree(demo_path(), place))


def found(root: Path, request: BacktestRequest | None = None) -> str:
    return Catalogue(root).fingerprint(request or asking())


@pytest.fixture
def both(tmp_path: Path) -> tuple[Path, Path]:
    return copied(tmp_path / "here"), copied(tmp_path / "there")


def append(path: Path, text: str = "\n") -> None:
    with path.open("a") as file:
        file.write(text)


def test_copies_have_one_fingerprint_whatever_their_times_and_paths(
    both: tuple[Path, Path],
) -> None:
    here, there = both
    os.utime(there / "SPY_1d.csv", (1, 1))
    assert found(here) == found(there)


def test_each_file_that_is_read_counts_and_no_other(both: tuple[Path, Path]) -> None:
    here, there = both
    append(there / "IBM_1d.csv")
    (there / "SPY_1h.csv").write_text("of another resolution")
    (there / "SPY_factors.csv").write_text(FACTORS)
    assert found(here) == found(there)
    append(there / "AAPL_1d.csv")
    assert found(here) != found(there)
    assert found(here, asking("SPY")) == found(there, asking("SPY"))
    assert found(here, asking("SPY", benchmark_symbol="AAPL")) != found(
        there, asking("SPY", benchmark_symbol="AAPL")
    )


def test_where_the_prices_come_from_counts(both: tuple[Path, Path]) -> None:
    here, there = both
    (there / "provenance.json").unlink()
    assert found(here) != found(there)
    assert not differing(found(here), found(there), asking().priced)


def test_factors_count_where_they_are_used(both: tuple[Path, Path]) -> None:
    here, there = both
    request = asking("SPY", adjustment="splits")
    for place in both:
        (place / "SPY_factors.csv").write_text(FACTORS)
    assert found(here, request) == found(there, request) != found(here, asking("SPY"))
    append(there / "SPY_factors.csv", "2019-01-03,1,1\n")
    assert found(here, request) != found(there, request)


def test_symbols_that_differ_are_named(both: tuple[Path, Path]) -> None:
    here, there = both
    append(there / "AAPL_1d.csv")
    request = asking("SPY", "AAPL", "IBM")
    assert differing(found(here, request), found(there, request), request.priced) == ["AAPL"]
    assert not differing(found(here, request), "of a source of one's own", request.priced)


def test_a_file_is_read_once_and_again_when_it_changes(
    both: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = both
    read: list[str] = []
    really = unchanged_file.read_unchanged

    def counted(path: Path, function: Any) -> Any:
        read.append(path.name)
        return really(path, function)

    monkeypatch.setattr(file_digests, "read_unchanged", counted)
    catalogue = Catalogue(here)
    first = catalogue.fingerprint(asking("SPY"))
    assert read == ["provenance.json", "SPY_1d.csv"]
    assert catalogue.fingerprint(asking("SPY")) == first
    assert len(read) == 2
    append(here / "SPY_1d.csv")
    assert catalogue.fingerprint(asking("SPY")) != first
    assert read[2:] == ["SPY_1d.csv"]


def test_a_source_goes_to_a_worker_without_its_digests() -> None:
    catalogue = Catalogue(demo_path())
    size = len(pickle.dumps(catalogue))
    first = catalogue.fingerprint(asking())
    assert len(pickle.dumps(catalogue)) == size
    assert pickle.loads(pickle.dumps(catalogue)).fingerprint(asking()) == first


def test_a_symbol_that_is_not_there_has_none(both: tuple[Path, Path]) -> None:
    here, _ = both
    with pytest.raises(InvalidRequestError, match="NONE"):
        found(here, asking("SPY", "NONE"))
    with pytest.raises(InvalidRequestError, match="SPY_factors"):
        found(here, asking("SPY", adjustment="total"))


def test_generated_prices_have_the_fingerprint_of_their_generator(both: tuple[Path, Path]) -> None:
    here, _ = both
    generated = Catalogue().fingerprint(asking())
    assert generated == Catalogue().fingerprint(asking("XYZ"))
    assert generated == found(here, asking(data_source="sample")) != found(here)
    # Other prices need another name, or gateways of two versions take them for the same.
    bars = Catalogue().load(asking("XYZ")).bars[0]
    assert (GENERATOR, bars.digest()[:16]) == (b"sample 1", "13b02b3337a74d80")


def bars(symbol: str, *closes: float) -> Bars:
    time = np.datetime64("2018-01-02", "ns") + np.arange(len(closes)) * np.timedelta64(1, "D")
    prices = np.array(closes)
    return Bars(symbol, time, prices, prices, prices, prices, np.ones(len(closes)))


def test_bars_in_memory_have_the_fingerprint_of_their_content() -> None:
    one = MemoryCatalogue([bars("A", 1.0, 2.0), bars("B", 3.0)])
    other = MemoryCatalogue([bars("A", 1.0, 2.0), bars("B", 4.0)])
    assert one.fingerprint(asking("A")) == other.fingerprint(asking("A"))
    both = asking("A", "B")
    assert differing(one.fingerprint(both), other.fingerprint(both), both.priced) == ["B"]
    with pytest.raises(InvalidRequestError, match="'C'"):
        one.fingerprint(asking("C"))


def test_a_source_of_ones_own_need_not_know_any() -> None:
    class Own:
        """A source with what a source must have."""

        problems = load = datasets = None

    own: Any = Own()
    source: Source = own
    assert fingerprint_of(source, asking()) is None
    assert fingerprint_of(Catalogue(), asking()) == Catalogue().fingerprint(asking())
