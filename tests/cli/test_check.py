"""`check`: whether a strategy looks ahead, on the command line.

Rule: the report is that of `check_strategy`, and the exit code is 1 if the strategy is not clean.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import orjson
import pytest

from glowback_trio import BacktestRequest, MaCrossover, check_strategy, load_dataset
from glowback_trio.wire.leak_reports import leak_report_document

Glowback = Callable[..., CompletedProcess[str]]

PERIOD = ("--symbols", "AAPL", "--start", "2015-01-01", "--end", "2018-12-31", "--data", "demo")
MODULE = '''
from typing import ClassVar

import numpy as np
from attrs import frozen

from glowback_trio import Panel, TargetStrategy


@frozen
class Cheap(TargetStrategy):
    """Look at all prices."""

    name: ClassVar[str] = "cheap"
    title: ClassVar[str] = "Cheap"

    def targets(self, panel: Panel) -> np.ndarray:
        close = panel.column("close")
        print("looking")
        return np.where(close < close.mean(), 0.9, 0.0)
'''


def test_a_clean_strategy_is_said_to_be_one(glowback: Glowback) -> None:
    done = glowback("check", "ma_crossover", *PERIOD, "--param", "short_period=5")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ma_crossover does not look ahead: ")
    assert done.stdout.endswith(" stay the same at 64 cuts\n")


def test_json_is_the_report(glowback: Glowback, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    request = BacktestRequest(
        symbols=["AAPL"],
        start_date="2015-01-01",
        end_date="2018-12-31",
        strategy=MaCrossover(short_period=5, long_period=15),
    )
    document = {
        "symbols": ["AAPL"],
        "start_date": "2015-01-01",
        "end_date": "2018-12-31",
        "strategy": {"name": "ma_crossover", "params": {"short_period": 5, "long_period": 50}},
    }
    file.write_bytes(orjson.dumps(document))
    options = ("--param", "long_period=15", "--cuts", "100", "--data", "demo", "--json")
    done = glowback("check", "ma_crossover", str(file), *options)
    assert done.returncode == 0, done.stderr
    expected = check_strategy(request, load_dataset(request, "demo"), cuts=100)
    assert orjson.loads(done.stdout) == leak_report_document(expected)


def test_a_leak_is_an_exit_code_and_a_sentence(
    glowback: Glowback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    done = glowback("check", "cheap", "--strategies", "mine:Cheap", *PERIOD)
    assert (done.returncode, done.stdout) == (1, "")
    assert "cheap looks ahead: at 20" in done.stderr
    done = glowback("check", "cheap", "--strategies", "mine:Cheap", *PERIOD, "--json")
    assert done.returncode == 1
    report = orjson.loads(done.stdout)
    assert (report["verdict"], report["changed"]["symbol"]) == ("leaks", "AAPL")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nope", *PERIOD), "STRATEGY: Unknown strategy 'nope'"),
        (("rsi", *PERIOD, "--cuts", "0"), "--cuts: Input should be a whole number from 1 to 1,024"),
        (("rsi", *PERIOD, "--strategy", "momentum"), "--strategy: should be left out"),
        (("target_weights", *PERIOD, "--weight", "AAPL=0.5"), "STRATEGY: target_weights decides"),
        (("rsi", *PERIOD, "--param", "lookback_period=0"), "lookback_period"),
    ],
)
def test_mistakes_are_named_by_the_argument(
    glowback: Glowback, arguments: tuple[str, ...], words: str
) -> None:
    done = glowback("check", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
