"""`run`: a backtest in the command's process, as a summary or as JSON.

Rule: the JSON equals the result of the engine called directly, and every mistake of the user is one
line on stderr that names the flag or the field.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen
from typing import Any

import orjson
import pytest
from attrs import fields

from glowback_trio.cli.options.backtest_options import BacktestOptions
from glowback_trio.cli.options.spelling import OPTIONS
from glowback_trio.data import Catalogue, demo_path
from glowback_trio.engine import Simulation
from glowback_trio.engine.reporting.result_document import result_document
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.requests import parse_request

Glowback = Callable[..., CompletedProcess[str]]

PERIOD = ("--start", "2015-01-01", "--end", "2020-12-31")
DEMO = ("run", "--data", "demo", *PERIOD)


def computed(document: dict[str, Any]) -> dict[str, Any]:
    """Compute the result of the same request with the engine alone."""
    request = parse_request(document)
    simulation = Simulation(request, Catalogue(demo_path()).load(request))
    simulation.advance(simulation.bars)
    result: dict[str, Any] = orjson.loads(dumps(result_document(simulation.result(), "")))
    return result


def test_json_is_exactly_the_result_and_nothing_else(glowback: Glowback) -> None:
    symbols, costs = ("--symbols", "AAPL,SPY", "--symbols", "IBM"), ("--slippage-bps", "2.5")
    crossover = ("--strategy", "ma_crossover", "--param", "short_period=10", "long_period=30")
    ended = glowback(*DEMO, *symbols, *crossover, *costs, "--capital", "50000", "--json")
    assert ended.returncode == 0
    assert ended.stdout.count("\n") == 1
    printed = orjson.loads(ended.stdout)
    expected = computed(
        {
            "symbols": ["AAPL", "SPY", "IBM"],
            "start_date": "2015-01-01",
            "end_date": "2020-12-31",
            "strategy": {
                "name": "ma_crossover",
                "params": {"short_period": 10, "long_period": 30},
            },
            "execution": {"slippage_bps": 2.5},
            "initial_capital": 50000.0,
        }
    )
    assert printed["trades"]
    assert printed == {**expected, "run_id": printed["run_id"]}


def test_a_summary_is_printed_for_people(glowback: Glowback) -> None:
    ended = glowback(*DEMO, "--symbols", "SPY", "--strategy", "rsi")
    assert ended.returncode == 0
    for word in ("RSI", "SPY", "2015-01-02 to 2020-12-31", "Final value", "Sharpe ratio", "█"):
        assert word in ended.stdout


def test_a_summary_names_the_weights_and_the_benchmark(glowback: Glowback) -> None:
    weights = ("--symbols", "AAPL,IBM", "--weight", "AAPL=0.5", "IBM=0.25")
    printed = glowback(*DEMO, *weights, "--benchmark", "SPY").stdout
    assert "AAPL 0.5, IBM 0.25, benchmark SPY" in printed
    assert "Benchmark" in printed
    assert "Beta" in printed
    assert "Benchmark" not in glowback(*DEMO, "--symbols", "AAPL").stdout


def test_of_many_symbols_the_first_are_named(glowback: Glowback) -> None:
    ended = glowback("run", *PERIOD, "--symbols", "A,B,C,D,E,F,G")
    assert "A, B, C, D, E and 2 more" in ended.stdout


def test_an_ascii_terminal_gets_a_summary_without_block_characters(glowback: Glowback) -> None:
    ended = glowback(*DEMO, "--symbols", "SPY", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert ended.returncode == 0
    assert ended.stdout.isascii()
    assert "Final value" in ended.stdout


def test_generated_prices_are_labelled_as_generated(glowback: Glowback) -> None:
    ended = glowback("run", *PERIOD, "--symbols", "AAPL")
    assert ended.returncode == 0
    assert "warning: Generated prices" in ended.stderr
    assert "GENERATED prices" in ended.stdout


def test_no_progress_is_drawn_without_a_terminal(glowback: Glowback) -> None:
    ended = glowback(*DEMO, "--symbols", "AAPL", "--json")
    assert "\x1b" not in ended.stderr
    assert "%" not in ended.stderr


def test_a_data_directory_is_read_and_can_come_from_the_environment(
    glowback: Glowback, tmp_path: Path
) -> None:
    (tmp_path / "prices").mkdir()
    rows = "date,open,high,low,close,volume\n2024-01-02,1,1,1,1,9\n2024-01-03,1,2,1,2,9\n"
    (tmp_path / "prices" / "ACME_1d.csv").write_text(rows)
    command = ("run", "--symbols", "ACME", "--start", "2024-01-02", "--end", "2024-01-03", "--json")
    by_flag = orjson.loads(glowback(*command, "--data", "prices").stdout)
    by_environment = orjson.loads(glowback(*command, GLOWBACK_DATA="prices").stdout)
    assert len(by_flag["equity_curve"]) == 2
    assert by_flag["equity_curve"] == by_environment["equity_curve"]


def test_every_problem_has_its_option_and_its_line(glowback: Glowback) -> None:
    refused = glowback(
        *("run", "--data", "demo", "--symbols", "AAPL", "--start", "2020-12-31"),
        *("--end", "2015-01-01", "--strategy", "ma_crossover", "--capital", "0"),
        *("--param", "short_periods=3", "direction=up", "long_period=soon"),
    )
    assert refused.returncode == 2
    assert refused.stdout == ""
    lines = refused.stderr.splitlines()
    assert sorted(line.split(": ")[1] for line in lines) == [
        "--capital",
        "--end",
        "--param direction",
        "--param long_period",
        "--param short_periods",
    ]
    assert "did you mean 'short_period'" in refused.stderr


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--resolution", "hour"), "--symbols SPY: No bars of resolution 'hour'"),
        (("--rebalance", "weekly"), "--rebalance: needs the weights to rebalance to"),
        (("--weight", "SPY=1.5"), "--weight SPY: Input should be less than or equal to 1"),
        (("--execution", "max_leverge=2"), "--execution max_leverge: Unknown field"),
        (("--slippage-bps", "-1"), "--slippage-bps: Input should be greater than or equal to 0"),
        (("--strategy", "ma_cross"), "--strategy: Unknown strategy 'ma_cross'; did you mean"),
        (("--benchmark", "QQQ"), "--benchmark: No prices for symbol 'QQQ'; there are prices for"),
        (("--timezone", "Nowhere"), "--timezone: Input should be a time zone's name"),
        (("--pace", "0"), "--pace: Input should be greater than or equal to 0.001"),
    ],
)
def test_a_problem_is_named_by_the_option_that_caused_it(
    options: tuple[str, ...], line: str, glowback: Glowback
) -> None:
    refused = glowback(*DEMO, "--symbols", "SPY", *options)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"error: {line}")


def test_every_option_of_a_backtest_has_a_field_that_it_stands_for() -> None:
    options = {f"--{row.name.replace('_', '-')}" for row in fields(BacktestOptions)}
    assert set(OPTIONS.values()) == options


def test_a_date_is_named_by_its_option(glowback: Glowback) -> None:
    refused = glowback("run", "--symbols", "SPY", "--start", "2015", "--end", "2020-02-30")
    start, end = refused.stderr.splitlines()
    assert start.startswith("error: --start: Input should be an RFC 3339 date")
    assert end.startswith("error: --end: There is no such date")


def test_all_options_that_are_missing_are_named(glowback: Glowback) -> None:
    assert "--symbols, --start and --end are missing" in glowback("run").stderr
    assert "error: --end is missing" in glowback(*DEMO[:-2], "--symbols", "SPY").stderr


@pytest.mark.parametrize(
    "symbols", [["AAPL,SPY"], ["AAPL", "--symbols", "SPY"], ["AAPL", "SPY"], ["AAPL, SPY"]]
)
@pytest.mark.parametrize(
    "weights",
    [
        ["AAPL=0.5,SPY=0.25"],
        ["AAPL=0.5", "--weight", "SPY=0.25"],
        ["AAPL=0.5", "SPY=0.25"],
        ["AAPL=.5", "SPY=+.25"],
    ],
)
def test_lists_and_pairs_take_commas_repeats_and_spaces_alike(
    symbols: list[str], weights: list[str], glowback: Glowback
) -> None:
    ended = glowback(*DEMO, "--symbols", *symbols, "--weight", *weights, "--json")
    request = orjson.loads(ended.stdout)["manifest"]["replay_request"]
    assert request["symbols"] == ["AAPL", "SPY"]
    assert request["portfolio_construction"]["target_weights"] == {"AAPL": 0.5, "SPY": 0.25}


def test_the_weight_of_a_symbol_may_hold_an_equals_sign(glowback: Glowback) -> None:
    weights = ("--symbols", "ES=F,CL=F", "--weight", "ES=F=0.5,CL=F=0.25")
    ended = glowback("run", "--data", "sample", *PERIOD, *weights, "--json")
    request = orjson.loads(ended.stdout)["manifest"]["replay_request"]
    assert request["portfolio_construction"]["target_weights"] == {"ES=F": 0.5, "CL=F": 0.25}


REQUEST = {
    "symbols": ["AAPL"],
    "start_date": "2015-01-01",
    "end_date": "2020-12-31",
    "strategy": {"name": "ma_crossover", "params": {"short_period": 5, "long_period": 50}},
    "execution": {"slippage_bps": 1.0},
    "currency": "EUR",
}


def test_a_request_may_come_from_a_file(glowback: Glowback, tmp_path: Path) -> None:
    (tmp_path / "request.json").write_bytes(orjson.dumps(REQUEST))
    ended = glowback("run", "request.json", "--data", "demo", "--json")
    assert ended.returncode == 0
    assert orjson.loads(ended.stdout) | {"run_id": ""} == computed(REQUEST)


def test_options_override_the_fields_of_a_file(glowback: Glowback, tmp_path: Path) -> None:
    (tmp_path / "request.json").write_bytes(orjson.dumps(REQUEST))
    options = ("--symbols", "SPY", "--param", "long_period=60", "--commission-bps", "2")
    ended = glowback("run", "request.json", "--data", "demo", *options, "--json")
    request = orjson.loads(ended.stdout)["manifest"]["replay_request"]
    assert request["symbols"] == ["SPY"]
    assert request["strategy"]["params"]["short_period"] == 5
    assert request["strategy"]["params"]["long_period"] == 60
    assert request["execution"]["slippage_bps"] == 1.0
    assert request["execution"]["commission_bps"] == 2.0
    assert request["currency"] == "EUR"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "request.json: cannot be read as a file with a request: No such file"),
        ('{\n  "symbols": [}', "request.json: JSON decode error: "),
        ("{", "request.json: JSON decode error: "),
        ("\ufeff{}", "request.json: JSON decode error: this is UTF-8 with a byte order mark, and"),
        ("[]", "request.json: should hold one JSON object"),
        ('{"symbols": ["SPY"], "start_date": "2015-01-01"}', "end_date: Field required"),
        ('{"symbols": ["SPY"], "symbols": ["IBM"]}', "request.json.symbols: "),
    ],
)
def test_a_request_file_that_is_none_is_one_line_and_2(
    text: str | None, message: str, glowback: Glowback, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "request.json").write_text(text)
    refused = glowback("run", "request.json", "--data", "demo")
    (line,) = refused.stderr.splitlines()
    assert (refused.returncode, refused.stdout) == (2, "")
    assert line.startswith(f"error: {message}")


@pytest.mark.parametrize("pair", ["short_period", "=3", "short_period=3 short_period=4"])
def test_a_parameter_is_a_name_and_a_value(pair: str, glowback: Glowback) -> None:
    refused = glowback(*DEMO, "--symbols", "AAPL", "--param", *pair.split())
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: --param: ")


def test_a_portfolio_is_rebalanced_to_its_weights_with_a_benchmark(glowback: Glowback) -> None:
    symbols, weights = ("--symbols", "AAPL,IBM"), ("--weight", "AAPL=0.5", "IBM=0.25")
    more = ("--rebalance", "monthly", "--benchmark", "SPY", "--execution", "whole_shares=true")
    ended = glowback(*DEMO, *symbols, *weights, *more, "--json")
    assert ended.returncode == 0
    expected = computed(
        {
            "symbols": ["AAPL", "IBM"],
            "start_date": PERIOD[1],
            "end_date": PERIOD[3],
            "execution": {"whole_shares": True},
            "portfolio_construction": {
                "target_weights": {"AAPL": 0.5, "IBM": 0.25},
                "rebalance_frequency": "monthly",
            },
            "benchmark_symbol": "SPY",
        }
    )
    printed = orjson.loads(ended.stdout)
    assert printed["benchmark_symbol"] == "SPY"
    assert printed | {"run_id": ""} == expected


@pytest.mark.parametrize("flag", ["--weight", "--execution"])
def test_a_weight_or_an_execution_setting_is_a_name_and_a_value(
    flag: str, glowback: Glowback
) -> None:
    refused = glowback(*DEMO, "--symbols", "AAPL", flag, "AAPL")
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"error: {flag}: ")


def test_a_broken_request_file_is_named_with_line_and_column(
    glowback: Glowback, tmp_path: Path
) -> None:
    (tmp_path / "request.json").write_text('{\n  "symbols": ["SPY",\n')
    said = glowback("run", "request.json").stderr
    assert said.endswith(", at line 3, column 1\n")


def test_other_fields_that_a_message_names_are_spelt_as_options_too(glowback: Glowback) -> None:
    spy = ("run", "--symbols", "SPY", "--start", "2020-02-01")
    said = glowback(*spy, "--end", "2020-01-01").stderr
    assert said == "error: --end: Input should be after --start, which is 2020-02-01\n"
    said = glowback(*spy, "--end", "2020-03-01", "--strategy", "rsi", "--weight", "SPY=1").stderr
    assert said.startswith("error: --strategy: strategy cannot be combined with --weight: ")


def test_an_unknown_symbol_gets_a_suggestion(glowback: Glowback) -> None:
    refused = glowback(*DEMO, "--symbols", "APPL")
    assert refused.returncode == 2
    assert "'AAPL'" in refused.stderr


def test_a_run_that_fails_is_one_line_and_1(glowback: Glowback) -> None:
    failed = glowback(
        *("run", "--data", "demo", "--symbols", "AAPL"),
        *("--start", "2030-01-01", "--end", "2030-12-31", "--json"),
    )
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert len(failed.stderr.splitlines()) == 1
    assert failed.stderr.startswith("error: Run failed: AAPL has no bars")
    assert "Traceback" not in failed.stderr


def test_a_closed_stdout_gives_no_traceback(environment: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "glowback_trio", *DEMO, "--symbols", "AAPL", "--json"]
    with (
        (tmp_path / "stderr_file").open("w+") as stderr_file,
        Popen(command, stdout=PIPE, stderr=stderr_file, cwd=tmp_path, env=environment) as process,
    ):
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait() == 1
        stderr_file.seek(0)
        assert all(line.startswith("warning: ") for line in stderr_file)
