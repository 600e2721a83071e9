"""Adjustment factors: applied on request only, and refused if they are invalid.

Rule: adjusted bars equal those of a loop over bars and rows, for random bars and factors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.data import Catalogue, MemoryCatalogue, Source
from glowback_trio.data.files.factors import Factors, adjusted, read_factors
from glowback_trio.errors import DataError, InvalidRequestError
from glowback_trio.model.bars import Bars
from glowback_trio.model.request import BacktestRequest

HEADER = "date,price factor,split factor\n"
# A dividend of a tenth of the price on the 4th, and a split of four for one on the 5th.
FACTORS = HEADER + "2020-03-03,0.9,0.25\n2020-03-04,1,0.25\n"
PRICES = "date,open,high,low,close,volume\n" + "".join(
    f"2020-03-0{day},10,20,8,1{day},100\n" for day in range(2, 7)
)


def asking(**fields: Any) -> BacktestRequest:
    dates = {"start_date": "2020-03-02", "end_date": "2020-03-06"}
    return BacktestRequest(**({"symbols": ("AAPL",)} | dates | fields))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "AAPL_1d.csv").write_text(PRICES)
    (tmp_path / "AAPL_factors.csv").write_text(FACTORS)
    return tmp_path


def problems_of(source: Source, request: BacktestRequest) -> list[tuple[str, str]]:
    return [(".".join(map(str, p.path)), p.message) for p in source.problems(request)]


def test_prices_are_not_adjusted_by_default(root: Path) -> None:
    [bars] = Catalogue(root).load(asking()).bars
    assert bars.close.tolist() == [12, 13, 14, 15, 16]
    assert bars.volume.tolist() == [100] * 5


@pytest.mark.parametrize(
    ("adjustment", "opens", "volumes"),
    [
        ("splits", [2.5, 2.5, 2.5, 10, 10], [400, 400, 400, 100, 100]),
        ("total", [2.25, 2.25, 2.5, 10, 10], [400, 400, 400, 100, 100]),
    ],
)
def test_factors_apply_up_to_their_date_and_to_volumes_only_for_splits(
    root: Path, adjustment: str, opens: list[float], volumes: list[float]
) -> None:
    dataset = Catalogue(root).load(asking(adjustment=adjustment))
    [bars], [quality] = dataset.bars, dataset.quality
    assert bars.open.tolist() == opens
    assert bars.volume.tolist() == volumes
    for column, raw in ((bars.high, 20), (bars.low, 8)):
        assert (column / bars.open).tolist() == pytest.approx([raw / 10] * 5, rel=1e-15)
    assert quality.adjustment == adjustment
    assert quality.critical == ()


def test_an_adjustment_changes_the_digest_with_and_without_cache(root: Path) -> None:
    digests = {
        Catalogue(root, cache=cache).load(asking(adjustment=adjustment)).digest()
        for adjustment in ("none", "splits", "total")
        for cache in (None, root / "cache")
    }
    assert len(digests) == 3


def test_a_bar_within_a_day_has_that_day_s_factors(tmp_path: Path) -> None:
    (tmp_path / "AAPL_factors.csv").write_text(FACTORS)
    stamps = ("2020-03-04T23:00:00Z", "2020-03-05T00:00:00Z", "2020-03-05T01:00:00Z")
    rows = "".join(f"{stamp},10,20,8,12,100\n" for stamp in stamps)
    (tmp_path / "AAPL_1h.csv").write_text(PRICES.partition("\n")[0] + "\n" + rows)
    [bars] = Catalogue(tmp_path).load(asking(adjustment="splits", resolution="hour")).bars
    assert bars.open.tolist() == [2.5, 10, 10]


def test_a_factors_file_without_rows_adjusts_nothing(root: Path) -> None:
    (root / "AAPL_factors.csv").write_text(HEADER)
    assert (
        Catalogue(root).load(asking(adjustment="total")).digest()
        == Catalogue(root).load(asking()).digest()
    )


def test_columns_may_have_any_case_any_order_and_be_among_others(root: Path) -> None:
    text = "reference,Split_Factor,DATE,Price Factor\n99.5,0.25,2020-03-03,0.9\n"
    (root / "AAPL_factors.csv").write_text(text)
    factors = read_factors(root / "AAPL_factors.csv")
    assert (factors.split.tolist(), factors.price.tolist()) == ([0.25], [0.9])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", " is empty"),
        ("date,price factor\n", ", line 1: expected one column 'split factor', got 0"),
        ("date,date,price factor,split factor\n", ", line 1: expected one column 'date', got 2"),
        (FACTORS + "2020-03-05,1\n", ", line 4: expected 3 cells, got 2"),
        (
            FACTORS + "2020-03-05,0,1\n",
            ", line 4, column 'price factor': expected a number above 0, got '0'",
        ),
        (
            FACTORS + "2020-03-05,1,-2\n",
            ", line 4, column 'split factor': expected a number above 0, got '-2'",
        ),
        (
            FACTORS + "\n2020-03-05,1,nan\n",
            ", line 5, column 'split factor': expected a number above 0, got 'nan'",
        ),
        (
            FACTORS + "2020-03-05 09:30,1,1\n",
            ", line 4, column 'date': expected a date such as 2020-08-28, got '2020-03-05 09:30'",
        ),
        (
            FACTORS + "20200305,1,1\n",
            ", line 4, column 'date': expected a date such as 2020-08-28, got '20200305'",
        ),
        (
            FACTORS + "2020-03-04,1,1\n",
            ", line 4, column 'date': expected a date after 2020-03-04, got '2020-03-04'",
        ),
    ],
)
def test_bad_factors_are_named_by_file_line_and_column(root: Path, text: str, message: str) -> None:
    (root / "AAPL_factors.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        Catalogue(root).load(asking(adjustment="splits"))
    assert str(caught.value).startswith("AAPL_factors.csv" + message)


def test_a_missing_factors_file_is_a_problem(root: Path) -> None:
    (root / "AAPL_factors.csv").unlink()
    request = asking(adjustment="splits")
    expected = [("symbols.0", "Cannot adjust 'AAPL': there is no file AAPL_factors.csv")]
    assert problems_of(Catalogue(root), request) == expected
    with pytest.raises(InvalidRequestError, match="Cannot adjust"):
        Catalogue(root).load(request)


def test_factors_outside_the_directory_are_not_read(root: Path, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-factors.csv"
    (root / "AAPL_factors.csv").rename(outside)
    (root / "AAPL_factors.csv").symlink_to(outside)
    assert len(problems_of(Catalogue(root), asking(adjustment="splits"))) == 1


def test_sources_without_files_have_no_factors(root: Path) -> None:
    memory = MemoryCatalogue(Catalogue(root).load(asking()).bars)
    for source in (memory, Catalogue()):
        [(path, message)] = problems_of(source, asking(adjustment="total"))
        assert path == "adjustment"
        assert "no adjustment factors" in message


def test_a_file_of_factors_is_no_file_of_prices(root: Path) -> None:
    catalogue = Catalogue(root, allow_sample=False)
    assert [one.symbol for one in catalogue.datasets()] == ["AAPL"]
    [(_, message)] = problems_of(catalogue, asking(symbols=("AAPL_factors",)))
    assert message.startswith("No prices for symbol 'AAPL_factors'")


days = st.integers(0, 400)
factor = st.floats(0.01, 10.0)


@given(
    st.lists(days, min_size=1, max_size=30, unique=True),
    st.lists(st.tuples(days, factor, factor), max_size=5, unique_by=lambda row: row[0]),
    st.sampled_from(["none", "splits", "total"]),
)
def test_adjusting_is_what_a_loop_over_bars_and_rows_does(
    bar_days: list[int],
    rows: list[tuple[int, float, float]],
    adjustment: Literal["none", "splits", "total"],
) -> None:
    bar_days.sort()
    rows.sort()
    time = np.datetime64("2020-01-01") + np.array(bar_days)
    price = np.linspace(1.0, 2.0, len(bar_days))
    bars = Bars("X", time, price, price, price, price, price)
    dates = np.datetime64("2020-01-01", "D") + np.array([row[0] for row in rows], dtype=int)
    columns = [np.array([row[part] for row in rows]) for part in (1, 2)]
    done = adjusted(bars, Factors(dates, *columns), adjustment)
    for place, day in enumerate(bar_days):
        dividends, split = next((row[1:] for row in rows if row[0] >= day), (1.0, 1.0))
        scale = {"none": 1.0, "splits": split, "total": split * dividends}[adjustment]
        assert done.close[place] == price[place] * scale
        assert done.volume[place] == price[place] / (1.0 if adjustment == "none" else split)
