"""Bars of every resolution in every format, with all names that their files may have."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from glowback_trio.data import Catalogue
from glowback_trio.data.tools import write_prices
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars
from glowback_trio.model.request import BacktestRequest, Resolution

SUFFIXES: tuple[tuple[str, Resolution], ...] = (
    ("_1s", "second"),
    ("_second", "second"),
    ("_1m", "minute"),
    ("_minute", "minute"),
    ("_1h", "hour"),
    ("_hour", "hour"),
    ("_1d", "day"),
    ("_day", "day"),
)
STEPS = {"second": (1, "s"), "minute": (1, "m"), "hour": (1, "h"), "day": (1, "D")}


def bars_of(resolution: Resolution, rows: int = 24) -> Bars:
    number, unit = STEPS[resolution]
    step = np.timedelta64(number, unit)  # type: ignore[call-overload]  # a unit of the table
    time = np.datetime64("2020-03-02T14:30:00" if resolution != "day" else "2020-03-02") + (
        np.arange(rows) * step
    )
    close = 10.0 + np.arange(rows) / 7
    return Bars("AAPL", time, close, close * 1.01, close * 0.99, close, np.full(rows, 1e6))


def asking(resolution: Resolution) -> BacktestRequest:
    return BacktestRequest(
        symbols=("AAPL",), resolution=resolution, start_date="2020-03-01", end_date="2020-04-01"
    )


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize(("suffix", "resolution"), SUFFIXES)
def test_bars_of_every_length_are_read_back_to_the_last_bit(
    tmp_path: Path, suffix: str, resolution: Resolution, form: Literal["csv", "parquet"]
) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    bars = bars_of(resolution)
    write_prices(tmp_path / f"AAPL{suffix}.{form}", bars)
    dataset = Catalogue(tmp_path).load(asking(resolution))
    assert dataset.bars[0].digest() == bars.digest()
    assert dataset.source == form
    [listed] = Catalogue(tmp_path, allow_sample=False).datasets()
    assert listed.resolution == resolution


@pytest.mark.parametrize("resolution", STEPS)
def test_a_file_name_without_resolution_has_that_of_its_spacing(
    tmp_path: Path, resolution: Resolution
) -> None:
    write_prices(tmp_path / "AAPL.csv", bars_of(resolution))
    assert len(Catalogue(tmp_path).load(asking(resolution)).bars[0]) == 24
    for other in STEPS.keys() - {resolution}:
        with pytest.raises(DataError, match=rf"AAPL\.csv holds bars of resolution '{resolution}'"):
            Catalogue(tmp_path).load(asking(other))  # type: ignore[arg-type]  # a key of the table
