"""`optimize`: a search in the command's process, as a ranking with a heat map, or as JSON.

Rule: the JSON is what the search finds when it is called directly, and every mistake of the user is
one line on stderr that names the option.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import orjson
import pytest
from rich.console import Console, RenderableType

from glowback_trio.cli.commands.optimizations.heat_map import heat_map
from glowback_trio.cli.commands.optimizations.search_view import SearchView
from glowback_trio.cli.options.search_options import NO_SEARCH, SearchOptions
from glowback_trio.data import Catalogue, demo_path
from glowback_trio.model.events import encode
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.search.optimize import optimize
from glowback_trio.search.outcome.objective_cells import pick_two
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.optimizations.requests import parse_optimization
from glowback_trio.wire.optimizations.trials import trial_document

Glowback = Callable[..., CompletedProcess[str]]

BASE = ("--data", "demo", "--symbols", "SPY", "--start", "2018-01-01", "--end", "2019-12-31")
CROSSOVER = (*BASE, "--strategy", "ma_crossover", "--workers", "0")
GRID = ("--grid", "short_period=5:20:5,long_period=20:60:20")
FEW = (*CROSSOVER, *GRID, "--validation", "none")

DOCUMENT: dict[str, Any] = {
    "name": "search",
    "strategy": "grid",
    "max_trials": 10_000,
    "validation_mode": "none",
    "search_space": {
        "parameters": [
            {"name": "short_period", "kind": "int_range", "low": 5, "high": 20, "step": 5},
            {"name": "long_period", "kind": "int_range", "low": 20, "high": 60, "step": 20},
        ]
    },
    "base_backtest": {
        "symbols": ["SPY"],
        "start_date": "2018-01-01",
        "end_date": "2019-12-31",
        "strategy": {"name": "ma_crossover"},
    },
}


def test_the_name_is_that_of_the_search(glowback: Glowback) -> None:
    ended = glowback("optimize", *FEW, "--name", "two means", "--json")
    assert orjson.loads(ended.stdout)["name"] == "two means"


def test_json_is_what_the_search_finds(glowback: Glowback) -> None:
    ended = glowback("optimize", *FEW, "--json")
    assert ended.returncode == 0, ended.stderr
    printed = orjson.loads(ended.stdout)
    request = parse_optimization(DOCUMENT)
    found = optimize(request, Catalogue(demo_path()).load(request.base_backtest))
    expected = orjson.loads(dumps([trial_document(trial) for trial in found.trials]))
    timed = ("duration_seconds", "duration_ms")
    trials = [{k: v for k, v in each.items() if k not in timed} for each in printed["all_trials"]]
    assert trials == expected
    assert printed["best_trial"]["trial_number"] == found.best_trial.trial_number  # type: ignore[union-attr]  # there is one
    assert printed["state"] == "completed"


def test_a_ranking_a_heat_map_and_the_odds_are_printed_for_people(glowback: Glowback) -> None:
    ended = glowback("optimize", *FEW)
    assert ended.returncode == 0
    for words in ("11 trials", "objective", "long_period (down) by short_period (across)"):
        assert words in ended.stdout
    assert "Qualified" in ended.stdout
    assert "not tried" in ended.stderr  # the pair that the strategy refuses
    assert "11 of 11 trials" in ended.stderr
    assert "\x1b" not in ended.stdout + ended.stderr


def test_a_file_gives_what_options_do_not(glowback: Glowback, tmp_path: Path) -> None:
    (tmp_path / "search.json").write_bytes(orjson.dumps(DOCUMENT))
    options = ("--data", "demo", "--workers", "0", "--json")
    whole = glowback("optimize", "search.json", *options)
    assert orjson.loads(whole.stdout)["best_trial"] is not None
    changed = glowback("optimize", "search.json", *options, "--metric", "total_return")
    best = orjson.loads(changed.stdout)["best_trial"]
    assert best["objective"] == best["metrics"]["total_return"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (CROSSOVER, "--grid: says which parameters to search"),
        ((*CROSSOVER, "--grid", "short_perio=5:20"), "--grid short_perio: The strategy"),
        ((*FEW, "--metric", "sharp_ratio"), "--metric: "),
        ((*FEW, "--max-trials", "5"), "--max-trials: "),
        ((*FEW, "--constraint", "short_period < 3"), "--constraint"),
        ((*FEW, "--constraint", "short_period"), "--constraint"),
        (
            (*CROSSOVER, "--vary", "short_period=9:3"),
            "--vary short_period low: ",
        ),
        ((*FEW, "--capital", "-1"), "--capital: "),
        ((*CROSSOVER, *GRID, "--windows", "11"), "--windows: "),
        (("optimize.json",), "cannot be read as a file"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_option(
    arguments: Sequence[str], sentence: str, glowback: Glowback
) -> None:
    ended = glowback("optimize", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert sentence in ended.stderr
    assert all(line.startswith("error: ") for line in ended.stderr.splitlines())


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        ("5:50:5", {"kind": "int_range", "low": 5, "high": 50, "step": 5}),
        ("5:50", {"kind": "int_range", "low": 5, "high": 50}),
        ("0.5:2", {"kind": "float_range", "low": 0.5, "high": 2}),
        ("-1:1:.5", {"kind": "float_range", "low": -1, "high": 1, "step": 0.5}),
        ("1e-4:1:log", {"kind": "log_uniform", "low": 1e-4, "high": 1.0}),
        ("wilder|cutler", {"kind": "choice", "values": ["wilder", "cutler"]}),
        ("10|20.5|true", {"kind": "choice", "values": [10, 20.5, True]}),
        ("7", {"kind": "choice", "values": [7]}),
    ],
)
def test_what_a_parameter_may_be_is_read(text: str, parameter: dict[str, Any]) -> None:
    document = SearchOptions(vary=[f"p={text}"]).document({}, {})
    assert document["search_space"]["parameters"] == [{"name": "p", **parameter}]


def test_a_grid_takes_all_combinations_unless_a_most_is_given() -> None:
    assert SearchOptions(grid=["p=1:2"]).document({}, {})["max_trials"] == 10_000
    assert SearchOptions(grid=["p=1:2"], max_trials=7).document({}, {})["max_trials"] == 7
    file: dict[str, Any] = {"search_space": {"parameters": []}}
    assert "max_trials" not in NO_SEARCH.document(file, {})


def trial(number: int, objective: float | None, **parameters: object) -> Trial:
    return Trial(
        trial_number=number, status="completed", parameters=parameters, objective=objective
    )


def drawn(picture: RenderableType | None) -> list[str]:
    text = StringIO()
    assert picture is not None
    Console(width=60, color_system=None, file=text).print(picture)
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_a_heat_map_goes_from_the_worst_cell_to_the_best() -> None:
    trials = [
        trial(1, 1.0, a=1, b=10),
        trial(2, 5.5, a=2, b=10),
        trial(3, 3.0, a=1, b=20),
        trial(4, 10.0, a=2, b=20),
        trial(5, None, a=3, b=20),
    ]
    assert pick_two(trials) == ("a", "b")
    most = drawn(heat_map(trials, ("a", "b"), maximize=True, colour=False))
    assert most == [
        "b (down) by a (across): objective 1 to 10",
        "20  2 9",
        "10  0 4",
        "   1  2",
    ]
    least = drawn(heat_map(trials, ("a", "b"), maximize=False, colour=False))
    assert [line[-3:] for line in least[1:3]] == ["7 0", "9 4"]


def test_many_values_share_cells_and_the_best_of_a_cell_shows() -> None:
    trials = [trial(n, float(n % 97), a=n, b=n % 2) for n in range(1, 1001)]
    lines = drawn(heat_map(trials, ("a", "b"), maximize=True, colour=False))
    assert len(lines) == 4
    assert max(map(len, lines[1:3])) <= 60


def test_two_parameters_that_vary_are_needed() -> None:
    assert pick_two([trial(1, 1.0, a=1, b=2), trial(2, 1.0, a=2, b=2)]) is None
    assert pick_two([trial(1, 1.0, a="x", b=True), trial(2, 1.0, a="y", b=False)]) is None
    assert heat_map([trial(1, None, a=1, b=2)], ("a", "b"), maximize=True, colour=False) is None


def test_the_ranking_keeps_the_best_ten_and_of_equals_the_earliest() -> None:
    view = SearchView(parse_optimization(DOCUMENT), 20, lambda: 0.0)
    for number in range(1, 21):
        made = trial(number, float(number % 12), a=number)
        view.take(
            encode(number, "id", "trial", "2020-01-01T00:00:00Z", dumps(trial_document(made)))
        )
    assert [each.trial_number for each in view.ranking] == [11, 10, 9, 8, 20, 7, 19, 6, 18, 5]
    assert view.line().startswith("20 of 20 trials, best 11")


def test_the_search_on_the_page_prints_what_the_page_shows(glowback: Glowback) -> None:
    page = (Path(__file__).parents[2] / "docs" / "optimizations.md").read_text(encoding="utf-8")
    section = page.partition("## The request")[0]
    commands, *shown = re.findall(r"```(?:bash|text)\n(.*?)```", section, re.DOTALL)
    words = shlex.split(commands.replace("\\\n", " "))[1:]
    ended = glowback(*words, "--workers", "0")
    printed = [line.split() for line in ended.stdout.splitlines()]
    assert all(line.split() in printed for line in "".join(shown).splitlines())
