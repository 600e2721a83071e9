"""The page of prices in a real browser: what there is, how it looks, what is wrong with it.

Doctrine: a directory of prices is written, and the page is read as a person reads it; what it says
about quality is what `glowback-trio data check` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.dashboard import PHONE, Dashboard, Visits, serving_dashboard

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

HEAD = "timestamp,open,high,low,close,volume\n"


def rows(days: int) -> str:
    return HEAD + "".join(
        f"2024-03-{day:02d},10,12,9,{10 + day % 2},100\n" for day in range(1, days)
    )


class TestShippedPrices:
    def test_the_first_symbol_is_shown_with_its_bars_and_their_quality(
        self, visits: Visits
    ) -> None:
        page = visits.open("/ui/data")
        page.get_by_text("1,511 rows were read, 1,511 bars are used").wait_for()
        page.get_by_text("Zoom in to see them one by one").wait_for()
        assert page.get_by_role("heading", name="AAPL, by the day").is_visible()
        assert page.locator("figure canvas").count() > 0

    def test_a_symbol_has_an_address_and_can_be_backtested(self, visits: Visits) -> None:
        page = visits.open("/ui/data")
        page.get_by_role("button", name="SPY").click()
        page.get_by_role("heading", name="SPY, by the day").wait_for()
        assert "symbol=SPY" in page.url
        page.reload()
        page.get_by_role("heading", name="SPY, by the day").wait_for()
        page.get_by_role("link", name="Backtest it").click()
        page.get_by_role("list", name="Chosen symbols").get_by_text("SPY").wait_for()

    def test_the_list_is_searched(self, visits: Visits) -> None:
        page = visits.open("/ui/data")
        page.get_by_role("button", name="IBM").wait_for()
        page.get_by_label("Search symbols").fill("sp")
        assert page.get_by_role("region", name="Symbols").get_by_role("row").count() == 2
        page.get_by_label("Search symbols").fill("<b>")
        page.get_by_text("The server has no such symbol").wait_for()

    def test_a_symbol_that_there_is_not_is_said_to_be_missing(self, visits: Visits) -> None:
        page = visits.open("/ui/data?symbol=%3Cimg%20src%3Dx%3E")
        page.get_by_text("The server has no prices of <img src=x>.").wait_for()

    def test_uploads_that_are_switched_off_are_said_to_be_off(
        self, visits: Visits, tmp_path: Path
    ) -> None:
        visits.expected.append("403")
        file = tmp_path / "NEW.csv"
        file.write_text(rows(20))
        page = visits.open("/ui/data")
        page.get_by_text("Upload a price file").click()
        page.get_by_label("File, CSV or Parquet").set_input_files(file)
        page.get_by_role("alert").get_by_text("serve with --allow-upload").wait_for()
        assert page.get_by_label("Symbol", exact=True).input_value() == "NEW"

    @pytest.mark.parametrize("look", ["light", "dark"])
    @pytest.mark.parametrize("size", [None, PHONE], ids=["desk", "phone"])
    def test_the_page_is_accessible_and_fits(
        self,
        visits: Visits,
        axe: Callable[[Any], list[str]],
        look: str,
        size: dict[str, int] | None,
    ) -> None:
        page = visits.open("/ui/data", dark=look == "dark", size=size, reduced_motion=True)
        page.get_by_text("Zoom in to see them one by one").wait_for()
        page.get_by_text("Nothing is wrong with them").wait_for()
        page.get_by_text("Upload a price file").click()
        assert axe(page) == []
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


class TestDoubtfulPrices:
    @pytest.fixture
    def dashboard(self, tmp_path: Path) -> Iterator[Dashboard]:
        twice = rows(20) + "2024-03-05,10,12,9,11,100\n"
        (tmp_path / "ODD_1d.csv").write_text(twice + "2024-03-21,10,8,9,11,100\n")
        (tmp_path / "BAD.csv").write_text("what,is,this\n1,2,3\n")
        with serving_dashboard(options={"data": tmp_path}) as served:
            yield served

    def test_what_is_wrong_with_rows_is_said_in_sentences(self, visits: Visits) -> None:
        page = visits.open("/ui/data?symbol=ODD")
        page.get_by_role("heading", name="Critical").wait_for()
        quality = page.locator("section").filter(has_text="Quality")
        assert "contradictory rows\n1" in quality.inner_text()
        assert "duplicate times\n1" in quality.inner_text()

    def test_a_file_that_cannot_be_read_says_why(self, visits: Visits) -> None:
        page = visits.open("/ui/data?symbol=ODD")
        page.get_by_role("heading", name="Critical").wait_for()
        assert page.get_by_role("row").filter(has_text="BAD").locator(".problem").inner_text()


class TestUploads:
    @pytest.fixture
    def dashboard(self, tmp_path: Path) -> Iterator[Dashboard]:
        prices = tmp_path / "prices"
        prices.mkdir()
        (prices / "OLD_1d.csv").write_text(rows(20))
        with serving_dashboard(options={"data": prices}, allow_upload=True) as served:
            yield served

    def test_odd_columns_are_matched_and_a_run_trades_on_them(
        self, visits: Visits, tmp_path: Path
    ) -> None:
        visits.expected.append("422")
        file = tmp_path / "new.csv"
        file.write_text(rows(20).replace(HEAD, "when,first,top,bottom,last one,pieces\n"))
        page = visits.open("/ui/data")
        page.get_by_text("Upload a price file").click()
        page.get_by_label("File, CSV or Parquet").set_input_files(file)
        page.get_by_role("region", name="First rows").get_by_text("2024-03-01").wait_for()
        page.get_by_role("button", name="Check and upload").click()
        page.get_by_text("say timestamp=NAME").last.wait_for()
        columns = page.get_by_role("group", name="Columns")
        matched = {"timestamp": "when", "open": "first", "high": "top", "low": "bottom"}
        for ours, theirs in {**matched, "close": "last one", "volume": "pieces"}.items():
            columns.locator(f"select[name={ours}]").select_option(theirs)
        page.get_by_role("button", name="Check and upload").click()
        page.get_by_role("heading", name="NEW, by the day").wait_for()
        page.get_by_role("alert").get_by_text("NEW is kept.").wait_for()
        page.get_by_role("link", name="Backtest it").click()
        page.get_by_role("list", name="Chosen symbols").get_by_text("NEW").wait_for()
        page.get_by_role("button", name="Start the run").click()
        page.get_by_text("completed", exact=True).first.wait_for()

    def test_a_parquet_file_is_uploaded_and_replaced_only_if_that_is_said(
        self, visits: Visits, tmp_path: Path
    ) -> None:
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        file = tmp_path / "old_1d.parquet"
        days = [f"2024-04-{day:02d}" for day in range(1, 11)]
        prices = {name: [10.0] * 10 for name in ("Open", "High", "Low", "Close")}
        parquet.write_table(arrow.table({"Date": days, **prices}), file)
        visits.expected.append("409")
        page = visits.open("/ui/data")
        page.get_by_text("Upload a price file").click()
        page.get_by_label("File, CSV or Parquet").set_input_files(file)
        page.get_by_role("region", name="First rows").get_by_text("2024-04-01").wait_for()
        page.get_by_role("button", name="Check and upload").click()
        page.get_by_text("OLD_1d.csv is there already").wait_for()
        page.get_by_label("Replace what the server has of this symbol").check()
        page.get_by_role("button", name="Check and upload").click()
        page.get_by_role("alert").get_by_text("OLD is kept.").wait_for()
        page.get_by_text("10 rows were read, 10 bars are used").first.wait_for()
