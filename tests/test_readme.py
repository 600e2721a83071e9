"""The README is executed word for word.

Doctrine: every command and program of the README runs as it is printed, against a real server where
it needs one; so do the shell examples of docs/. Only ports are replaced. Tables are compared with
the code.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from support.pages import ROOT, blocks, page, rows_under

import glowback_trio
from glowback_trio.server.routes.table import ROUTES

README = page("README.md")
(
    CLONING,
    SETTING_UP,
    TESTING,
    SERVING,
    LIVE,
    CHECKING,
    LOOKING,
    RUNNING,
    SEARCHING,
    CUSTOM_RUN,
    EXTRAS,
) = blocks(README, "bash")
WATCH, EMBED, CANCEL, CUSTOM = blocks(README, "python")
SYNC_CLIENT, NDJSON_CLIENT = blocks(page("docs/streams.md"), "python")
(SSE_CLIENT,) = blocks(page("docs/streams.md"), "bash")
PORTFOLIO, TABLES = blocks(page("docs/engine.md"), "bash")
_, SEARCH_BY_CURL = blocks(page("docs/optimizations.md"), "bash")
SEARCH, _, SEARCH_BY_CLIENT = blocks(page("docs/optimizations.md"), "python")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A shell in which `glowback-trio` and `python` are the ones under test."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, words in {"glowback-trio": "-m glowback_trio ", "python": "", "python3": ""}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        (programs / name).chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GLOWBACK_")}
    return {
        **kept,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path(glowback_trio.__file__).parents[1]),
        "PYTHONUTF8": "1",
        # Where a server keeps its runs by default: one of its own for each test.
        "XDG_DATA_HOME": str(tmp_path / "home"),
    }


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with the examples of the checkout, as a reader has it."""
    place = tmp_path / "checkout"
    place.mkdir()
    (place / "examples").symlink_to(ROOT / "examples")
    return place


def shell(script: str, environment: dict[str, str], directory: Path) -> str:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        cwd=directory,
        env=environment,
        timeout=60,
        check=True,
    ).stdout


@pytest.fixture
def server(environment: dict[str, str], directory: Path) -> Iterator[str]:
    """The server of the README, on a free port."""
    command = f"exec {SERVING.strip()} --port 0"
    with subprocess.Popen(
        ["bash", "-c", command], stdout=subprocess.PIPE, text=True, cwd=directory, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().removeprefix("listening on http://").strip()
        finally:
            process.terminate()


def test_the_quick_start_works_as_it_stands(
    server: str, environment: dict[str, str], directory: Path
) -> None:
    (client,) = re.findall(r"`(python examples/watch\.py .*?)`", README)
    (directory / "whole.py").write_text(NDJSON_CLIENT)
    whole = 'python whole.py http://127.0.0.1:8000 "$RUN"'
    # A reader's shell does not mind that `head` hangs up.
    lines = ["set +o pipefail", LIVE, "set -o pipefail", CHECKING, LOOKING]
    lines += [client, whole, TABLES, SSE_CLIENT]
    output = shell(
        "\necho\n".join(lines).replace("127.0.0.1:8000", server),
        {**environment, "GLOWBACK_URL": f"http://{server}"},
        directory,
    )
    events = [orjson.loads(line) for line in output.splitlines() if line.startswith('{"event_id"')]
    count = len(events)
    assert [event["event_id"] for event in events] == list(range(1, count + 1))
    assert len({event["run_id"] for event in events}) == 1
    # The run had not ended when the first stream was cut.
    assert events[29]["timestamp"] < events[-2]["timestamp"]
    assert f"{count} of {count} events received\nthe digest agrees: True\n" in output
    assert '"sharpe_ratio": ' in output
    assert "\ntimestamp,symbol,action,shares,price," in output
    watched = [line for line in output.splitlines() if re.match(r"\d+ [a-z]+ \{", line)]
    assert len(watched) == count
    assert f"completed {count} events, all of them" in output
    assert len((directory / "equity.csv").read_text().splitlines()) == 1 + 1511
    assert len(orjson.loads((directory / "curve.json").read_text())["equity_curve"]) <= 500
    trades = sum(event["type"] == "trade" for event in events)
    assert output.count("\nevent: trade\n") == trades > 0


def test_the_client_that_blocks_works_as_it_stands(
    server: str, environment: dict[str, str], directory: Path
) -> None:
    (directory / "program.py").write_text(SYNC_CLIENT.replace("127.0.0.1:8000", server))
    *_, last = shell("python program.py", environment, directory).splitlines()
    assert last.startswith("state {'state': 'completed'")
    assert len((directory / "equity.csv").read_text().splitlines()) == 1 + 756


def test_the_search_on_a_server_works_as_it_stands(
    server: str, environment: dict[str, str], directory: Path
) -> None:
    script = f"{SEARCH_BY_CURL}\npython program.py".replace("127.0.0.1:8000", server)
    (directory / "program.py").write_text(
        (SEARCH + SEARCH_BY_CLIENT).replace("127.0.0.1:8000", server)
    )
    output = shell(script, environment, directory)
    found = orjson.loads((directory / "search.json").read_bytes())
    told = [line for line in output.splitlines() if line.startswith("data: ")]
    *bests, end = [orjson.loads(line.removeprefix("data: "))["payload"] for line in told]
    assert end["state"] == found["state"] == "completed"
    assert bests[-1]["trial_number"] == found["best_trial"]["trial_number"]
    trials = (directory / "trials.csv").read_text().splitlines()
    assert len(trials) == 1 + len(found["all_trials"])
    ledger = orjson.loads((directory / "ledger.json").read_bytes())
    assert ledger["trials"] == len(found["all_trials"])
    *_, status, verdict = output.splitlines()
    assert "completed" in status
    assert verdict.startswith("{'short_period': ")


def test_the_embedding_program_works_as_it_stands(
    environment: dict[str, str], directory: Path
) -> None:
    (directory / "program.py").write_text(EMBED)
    *trades, sharpe = shell("python program.py", environment, directory).splitlines()
    assert trades
    assert all(line.startswith(("trade {", "state {")) for line in trades)
    assert float(sharpe)


def test_the_program_that_is_cancelled_at_every_step_works_as_it_stands(
    environment: dict[str, str], directory: Path
) -> None:
    (directory / "program.py").write_text(CANCEL)
    rounds, _, rest = shell("python program.py", environment, directory).partition(" ")
    assert int(rounds) > 10
    assert rest == "rounds, and every log is sound\n"


def test_the_run_from_a_shell_works_as_it_stands(
    environment: dict[str, str], directory: Path
) -> None:
    assert shell(RUNNING, environment, directory) == ""
    assert orjson.loads((directory / "result.json").read_text())["trades"]


def test_the_search_from_a_shell_finds_what_the_readme_says(
    environment: dict[str, str], directory: Path
) -> None:
    printed = shell(SEARCHING, environment, directory)
    assert "33.5 %" in printed
    assert "1.1628" in printed
    assert re.search(r"^Qualified +no", printed, re.MULTILINE)


def test_the_portfolio_from_a_shell_works_as_it_stands(
    environment: dict[str, str], directory: Path
) -> None:
    assert "Target Weights" in shell(PORTFOLIO, environment, directory)


def test_the_custom_strategy_runs_as_it_stands(
    environment: dict[str, str], directory: Path
) -> None:
    (directory / "my_strategies.py").write_text(CUSTOM)
    assert "Breakout" in shell(CUSTOM_RUN, environment, directory)


def test_the_client_shown_is_the_example() -> None:
    assert WATCH in (ROOT / "examples" / "watch.py").read_text()


def test_the_first_screen_shows_the_two_commands() -> None:
    assert SETTING_UP == "pip install . && glowback-trio demo\n"
    assert CLONING.startswith("git clone https://HOST/OWNER/")
    assert TESTING == 'pip install "nox[uv]" && nox\n'
    assert README.splitlines().index(TESTING.strip()) < 35


def test_the_api_table_names_every_route_once_and_no_other() -> None:
    named = re.findall(r"`([A-Z]+ /\S*)`", " ".join(row[0] for row in rows_under(README, "API")))
    # What a browser loads for the pages of the dashboard and of the documentation.
    hidden = re.compile(r"/ui/.*|/assets/.*|/docs/.+")
    listed = {f"{r.method} {r.path}" for r in ROUTES if not hidden.fullmatch(r.path)}
    assert listed == set(named)
    assert len(named) == len(set(named))


@pytest.mark.parametrize("name", ["README.md", "docs/deployment.md"])
def test_the_routes_that_need_no_key_are_named(name: str) -> None:
    sentence = re.search(r"very route requires a key except (.+?)\.\s", page(name), re.DOTALL)
    assert sentence is not None
    named = set(re.findall(r"`(?:GET )?(/[^`]*)`", sentence[1]))
    # The sentence names the folders of the pages, not each of them.
    keyless = {
        re.sub(r"^/(ui|assets)/.*", r"/\1/", route.path) for route in ROUTES if not route.needs_key
    }
    assert named == keyless - {"/docs/{name}"}  # the files of `/docs`


def test_the_extras_table_is_that_of_the_package() -> None:
    declared = tomllib.loads(page("pyproject.toml"))["project"]["optional-dependencies"]
    brought = {
        name: ", ".join(package.partition(">=")[0] for package in packages)
        for name, packages in declared.items()
    }
    assert {row[0].strip("`"): row[2] for row in rows_under(README, "Extras")} == brought
    bringing = ",".join(name for name, packages in declared.items() if packages)
    assert f'pip install ".[{bringing}]"\n' == EXTRAS
