"""What `data` may name where an embedding program opens prices, and loading them for `backtest`.

Doctrine: a name that means nothing fails where it is written, with what was looked for and what
to write instead; the same bars give the same result, with a gateway or without.
"""

from __future__ import annotations

from pathlib import Path
from shutil import copy
from typing import Any

import pytest
import trio

from glowback_trio import (
    BacktestRequest,
    MemoryCatalogue,
    backtest,
    demo_path,
    load_dataset,
    open_gateway,
    result_json,
)
from glowback_trio.data import Catalogue, Source, open_source
from glowback_trio.errors import DataError, InvalidRequestError

REQUEST = BacktestRequest(symbols=["AAPL"], start_date="2018-01-01", end_date="2018-12-31")


@pytest.mark.parametrize(
    ("data", "root"),
    [(None, None), ("sample", None), ("demo", demo_path()), (demo_path(), demo_path())],
)
def test_a_word_a_path_and_nothing_name_a_source(
    data: Path | str | None, root: Path | None
) -> None:
    assert open_source(data) == Catalogue(root)


def test_a_directory_named_like_the_shipped_prices_is_meant_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("demo").mkdir()
    assert open_source("./demo") == open_source(Path("demo")) == Catalogue(Path("demo"))


@pytest.mark.parametrize("source", [Catalogue(), MemoryCatalogue([])])
def test_a_source_is_taken_as_it_is(source: Source) -> None:
    assert open_source(source) is source


@pytest.mark.parametrize("given", [3, None, {"symbols": ["AAPL"]}, BacktestRequest])
async def test_what_is_no_request_is_refused_at_every_door(given: Any) -> None:
    async with open_gateway(data="demo") as gateway:
        doors = (
            gateway.submit,
            lambda request: load_dataset(request, "demo"),
            lambda request: backtest(request, load_dataset(REQUEST, "demo")),
            lambda request: backtest(request, []),
        )
        for door in doors:
            with pytest.raises(InvalidRequestError) as caught:
                door(given)
            assert str(caught.value).startswith("request: Input should be of type BacktestRequest")
        assert gateway.runs() == []


@pytest.mark.parametrize(("name", "wrong"), [("nowhere", "does not exist"), ("a_file", "is not")])
async def test_a_directory_that_is_not_there_is_refused_at_the_door(
    name: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await trio.Path("a_file").write_text("no directory")
    for data in (name, Path(name)):
        with pytest.raises(InvalidRequestError) as caught:
            async with open_gateway(data=data):
                pytest.fail("opened")
        assert str(caught.value).startswith("data: Input should be a directory of price files")
        assert f"{name!r} {wrong}" in str(caught.value)
        assert str(tmp_path / name) in str(caught.value)
        with pytest.raises(InvalidRequestError):
            load_dataset(REQUEST, data)


@pytest.mark.parametrize("data", ["", 3, [Path()]])
def test_what_names_no_source_is_refused(data: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"^data: Input should be a directory of price"):
        load_dataset(REQUEST, data)


async def test_a_directory_gives_backtest_what_it_gives_a_run() -> None:
    async with open_gateway(data="demo") as gateway:
        run = gateway.submit(REQUEST)
        await run.wait_finished()
        served = result_json(run.result(), run.run_id)
    result = backtest(REQUEST, load_dataset(REQUEST, "demo"))
    assert result_json(result, run.run_id) == served


def test_adjusted_prices_are_loaded_for_backtest_too(tmp_path: Path) -> None:
    copy(demo_path() / "AAPL_1d.csv", tmp_path)
    (tmp_path / "AAPL_factors.csv").write_text("date,price factor,split factor\n2018-06-01,1,0.5\n")
    request = BacktestRequest(
        symbols=["AAPL"], start_date="2018-01-01", end_date="2018-12-31", adjustment="splits"
    )
    adjusted = load_dataset(request, tmp_path).bars[0].open[0]
    assert adjusted == load_dataset(REQUEST, tmp_path).bars[0].open[0] / 2
    assert len(backtest(request, load_dataset(request, tmp_path)).curve) == 251


def test_symbols_that_are_not_there_are_named() -> None:
    request = BacktestRequest(symbols=["APPL"], start_date="2018-01-01", end_date="2018-12-31")
    with pytest.raises(InvalidRequestError, match="did you mean 'AAPL'"):
        load_dataset(request, "demo")
    early = BacktestRequest(symbols=["AAPL"], start_date="1990-01-01", end_date="1990-12-31")
    with pytest.raises(DataError, match="no bars"):
        load_dataset(early, "demo")
