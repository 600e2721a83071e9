"""Whatever a file holds, it is read or named: the listing never fails, and no error is a surprise.

Rule: after any damage a listing has every file in it, and a load gives bars or an error that names
no directory and has no traceback, which is what unexpected exceptions have. A stride of the files
that `nox -s abuse` sends through a real server.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.mutated_files import SYMBOL, Mutant, mutants

from glowback_trio import BacktestRequest, Catalogue
from glowback_trio.data.tools import Inspection, PriceDirectory, read_prices
from glowback_trio.errors import DataError

GOOD = "date,open,high,low,close,volume\n2020-03-02,1,1,1,1,1\n2020-03-03,1,1,1,1,1\n"
NUMBER = 200


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


@pytest.mark.parametrize("mutant", [*mutants(NUMBER)], ids=lambda mutant: mutant.what)
def test_a_damaged_file_is_read_or_named(root: Path, mutant: Mutant) -> None:
    for path in root.iterdir():
        path.unlink()
    (root / f"{SYMBOL}_1d.csv").write_text(GOOD)
    if mutant.name.endswith("_1d.parquet"):
        (root / f"{SYMBOL}_1d.csv").unlink()
    (root / "GOOD_1d.csv").write_text(GOOD)
    (root / mutant.name).write_bytes(mutant.content)
    assert [one.symbol for one in Catalogue(root, allow_sample=False).datasets()] == [
        "GOOD",
        SYMBOL,
    ]
    request = BacktestRequest(
        symbols=SYMBOL,
        start_date="2020-03-01",
        end_date="2020-03-31",
        adjustment="total" if "factors" in mutant.name else "none",
    )
    try:
        assert len(Catalogue(root).load(request).bars[0])
    except DataError as error:
        check(error, root)


@pytest.mark.parametrize("mutant", [*mutants(60, seed=2)], ids=lambda mutant: mutant.what)
def test_a_damaged_file_is_inspected_and_imported_or_named(root: Path, mutant: Mutant) -> None:
    for path in root.iterdir():
        path.unlink()
    (root / "GOOD_1d.csv").write_text(GOOD)
    path = root / mutant.name
    path.write_bytes(mutant.content)
    directory = PriceDirectory.of(root)
    assert directory is not None
    inspection = Inspection(directory)
    assert [*inspection.read_files()]
    inspection.reports()
    try:
        assert [*read_prices(path)]
    except DataError as error:
        check(error, root)


def check(error: DataError, root: Path) -> None:
    assert error.__cause__ is None, "a surprise, whose traceback would be in the log"
    assert str(root) not in str(error)
    assert len(str(error)) < 1_000
