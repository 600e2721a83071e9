"""`report`, and `verify` of what it wrote: files, stores, and a real server.

Rule: everything goes through the command line; an error is one line that says what to do.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from support.exports import REQUEST, file_of, finished_export

from glowback_trio import BuyAndHold, InlineCompute, SqliteStore, open_gateway

Glowback = Callable[..., "subprocess.CompletedProcess[str]"]

EXPORT = finished_export()
OTHER = finished_export(evolve(REQUEST, strategy=BuyAndHold()), run_id="run-2")


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    for export, name in ((EXPORT, "a.gbt"), (OTHER, "b.gbt")):
        (tmp_path / name).write_bytes(file_of(export))
    return "a.gbt", "b.gbt"


def test_a_report_of_an_export_is_written_and_verified(
    glowback: Glowback, files: tuple[str, str], tmp_path: Path
) -> None:
    for name in ("out.html", "out.md", "out.json"):
        done = glowback("report", files[0], "--out", name)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        done = glowback("verify", name)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == (
            "run-1 is the same: the bars of 2 symbols, the result, and the report\n"
        )
    page = tmp_path / "out.html"
    page.write_text(page.read_text("utf-8").replace("Fills", "Thrills", 1), "utf-8")
    done = glowback("verify", "out.html")
    assert done.returncode == 3
    assert "The report has been changed" in done.stderr
    done = glowback("verify", "out.md", "--json")
    assert done.stdout.startswith('{"run_id":"run-1","same":true')


def test_without_a_file_it_is_printed_as_markdown(
    glowback: Glowback, files: tuple[str, str]
) -> None:
    done = glowback("report", files[0])
    assert done.returncode == 0
    assert done.stdout.startswith("# Moving Average Crossover\n")
    assert glowback("report", files[0], "--form", "json").stdout.startswith('{"title":')


def test_several_exports_are_compared(glowback: Glowback, files: tuple[str, str]) -> None:
    assert glowback("report", *files, "--out", "both.html").returncode == 0
    done = glowback("verify", "both.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("run-1, run-2 is the same: the bars of 4 symbols")


async def test_a_run_of_a_store_is_reported(glowback: Glowback, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "runs.sqlite")
    async with open_gateway(data="sample", store=store, compute=InlineCompute()) as gateway:
        await gateway.import_run(EXPORT)
    done = glowback("report", "run-1", "--store", "sqlite:runs.sqlite")
    assert done.stdout.startswith("# Moving Average Crossover\n")
    done = glowback("report", "nowhere", "--store", "sqlite:runs.sqlite")
    assert (done.returncode, done.stderr) == (1, "error: Run not found\n")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "RUNS is missing"),
        (("a.gbt", "--out", "x.pdf"), 2, "--out: should end with .html, .md, .json"),
        (("a.gbt", "--out", "nowhere/x.html"), 1, "name another file with --out"),
        (("a.gbt", "run-1"), 2, "files only, or ids only"),
        (("failed.gbt",), 2, "is failed"),
        (("cut.gbt",), 1, "not those that were written"),
        (("run-1", "--url", "http://127.0.0.1:1"), 1, "is the server running?"),
        (("a.gbt",) * 11, 2, "2 to 10 runs, not 11"),
    ],
)
def test_what_cannot_be_reported_is_said_in_a_line(
    glowback: Glowback,
    tmp_path: Path,
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    (tmp_path / "a.gbt").write_bytes(file_of(EXPORT))
    (tmp_path / "cut.gbt").write_bytes(file_of(EXPORT)[:-80])
    failed = finished_export(evolve(REQUEST, start_date="2024-03-01", end_date="2024-03-01"))
    nothing = evolve(failed, result=None, lines=failed.lines.replace(b"completed", b"failed"))
    (tmp_path / "failed.gbt").write_bytes(file_of(nothing))
    done = glowback("report", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["a.html", "a.md", "a.json"])
def test_a_file_that_is_no_report_is_not_verified(
    glowback: Glowback, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("hello")
    done = glowback("verify", name)
    assert done.returncode == 1
    assert done.stderr == (
        "error: This is no report: it holds nothing to verify. Give a file that `report` has "
        "written\n"
    )
