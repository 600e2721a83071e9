"""What a user meets first: help with examples, and wrong usage as one line on stderr with code 2.

Every test runs the installed command in a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from subprocess import CompletedProcess

import pytest
from attrs import fields

from glowback_trio.server import Settings
from glowback_trio.version import VERSION

Glowback = Callable[..., CompletedProcess[str]]

COMMANDS = (
    *("demo", "run", "optimize", "data", "serve"),
    *("submit", "stream", "watch", "list", "show", "results"),
    *("pause", "resume", "cancel", "delete"),
)
DATA_COMMANDS = ("data list", "data check", "data import", "data path")


def test_the_version_is_the_package_s(glowback: Glowback) -> None:
    assert glowback("--version").stdout == f"{VERSION}\n"


def test_help_lists_every_command(glowback: Glowback) -> None:
    shown = glowback("--help")
    assert shown.returncode == 0
    assert all(f" {command} " in shown.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", [*COMMANDS, *DATA_COMMANDS])
def test_a_command_s_help_shows_an_example_that_fits_the_terminal(
    command: str, glowback: Glowback
) -> None:
    shown = glowback(*command.split(), "--help", COLUMNS="80")
    assert shown.returncode == 0
    assert f"glowback-trio {command}" in shown.stdout.partition("Example")[2]
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_help_does_not_load_the_web_stack(glowback: Glowback) -> None:
    shown = glowback("--help", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in shown.stderr.splitlines()}
    assert "cyclopts" in loaded
    assert not loaded & {"quart", "hypercorn", "httpx2", "structlog"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("walk",),
        ("demo", "--fast"),
        ("run",),
        ("run", "--symbol", "AAPL"),
        ("serve", "--port", "70000"),
        ("serve", "--port", "http"),
        ("stream",),
        ("stream", "x", "--last-event-id", "-1"),
        ("stream", "x", "--url", "127.0.0.1:8000"),
        ("stream", "x", "--types", "weather"),
        ("submit", "--symbols", "AAPL"),
        ("list", "--state", "asleep"),
        ("list", "--limit", "0"),
        ("show",),
        *((command,) for command in ("watch", "pause", "resume", "cancel", "delete")),
        ("show", "x", "--url", "ftp://127.0.0.1"),
        ("data", "list", "--data", "nowhere"),
    ],
)
def test_bad_usage_is_one_line_on_stderr_and_2(
    arguments: tuple[str, ...], glowback: Glowback
) -> None:
    refused = glowback(*arguments)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.startswith("error: ")
    assert len(refused.stderr.splitlines()) == 1


def test_a_misspelt_flag_gets_a_suggestion(glowback: Glowback) -> None:
    assert "Did you mean --symbols?" in glowback("run", "--symbol", "A").stderr


def test_what_is_missing_is_named_as_the_help_names_it(glowback: Glowback) -> None:
    said = glowback("watch").stderr
    assert said == "error: RUN-ID is missing; see `glowback-trio watch --help`\n"
    said = glowback("results").stderr
    assert said == "error: RUN-ID is missing; see `glowback-trio results --help`\n"
    said = glowback("data", "import").stderr
    assert said == "error: SOURCE and --data are missing; see `glowback-trio data import --help`\n"
    said = glowback("data", "import", "bought.csv").stderr
    assert said == "error: --data is missing; see `glowback-trio data import --help`\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("data", "path", "demo"), "'demo' is more than it takes; see `glowback-trio data path"),
        (("show", "x", "y", "z"), "'y', 'z' is more than it takes; see `glowback-trio show"),
        (("run", "--capital", "abc"), "--capital: Input should be a number, not 'abc'"),
        (("list", "--limit", "few"), "--limit: Input should be a whole number, not 'few'"),
        (("watch", "x", "--retry-for", "1m"), "--retry-for: Input should be a number, not '1m'"),
    ],
)
def test_usage_errors_are_said_in_plain_words(
    arguments: tuple[str, ...], said: str, glowback: Glowback
) -> None:
    assert glowback(*arguments).stderr.startswith(f"error: {said}")


@pytest.mark.parametrize(
    ("command", "variable", "meant"),
    [
        (("serve", "--data", "nowhere"), "GLOWBACK_MAX_RUNING", "GLOWBACK_MAX_RUNNING"),
        (("serve", "--data", "nowhere"), "GLOWBACK_APIKEY", "GLOWBACK_API_KEY"),
        (("list", "--url", "http://127.0.0.1:1"), "GLOWBACK_APIKEY", "GLOWBACK_API_KEY"),
        (("list", "--url", "http://127.0.0.1:1"), "GLOWBACK_URI", "GLOWBACK_URL"),
        (("data", "path"), "GLOWBACK_DATAS", "GLOWBACK_DATA"),
    ],
)
def test_a_misspelt_variable_is_warned_of_with_the_nearest_name(
    command: tuple[str, ...], variable: str, meant: str, glowback: Glowback
) -> None:
    first = glowback(*command, **{variable: "x"}).stderr.splitlines()[0]
    assert first.startswith(f"warning: {variable} is not a variable of this program; ")
    assert first.endswith(f"did you mean {meant!r}?")


def test_an_empty_variable_counts_as_not_set(glowback: Glowback) -> None:
    empty = dict.fromkeys(("GLOWBACK_URL", "GLOWBACK_DATA", "GLOWBACK_RATE_LIMIT"), " ")
    assert "generated prices have no files" in glowback("data", "check", **empty).stderr
    assert "http://127.0.0.1:8000" in glowback("show", "--help", **empty).stdout


def test_no_variable_of_the_server_is_taken_for_a_misspelt_one(glowback: Glowback) -> None:
    names = [row.metadata["env"] for row in fields(Settings)]
    shown = glowback("data", "path", **dict.fromkeys(names, "x"))
    assert shown.stderr == ""


def test_a_problem_of_a_server_option_is_named_by_it(glowback: Glowback) -> None:
    refused = glowback("show", "x", "--url", "127.0.0.1:8000")
    assert refused.stderr.startswith("error: --url: Input should be a server's URL")
