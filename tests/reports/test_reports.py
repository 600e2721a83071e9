"""Reports: what they say, what they consist of, and that text in them stays text.

Rules: a report shows the engine's own numbers; the same result gives the same bytes; a page needs
nothing but itself; whatever people have written is shown as they wrote it, and never as markup.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from support.exports import finished_export
from support.reported import Parsed, daily_run, small_search

from glowback_trio import BuyAndHold, Comparison, ReportedRun, Result, report
from glowback_trio.engine.analytics import returns as stats
from glowback_trio.engine.analytics.relative import beta
from glowback_trio.engine.analytics.rolling import rolling
from glowback_trio.engine.analytics.tearsheet import tear_sheet
from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.reports.html.writing import content_policy
from glowback_trio.wire.exports.packed_result import pack_result, unpack_result

RESULT = daily_run()
OVERFIT = {
    "probabilistic_sharpe_ratio": 0.9,
    "deflated_sharpe_ratio": 0.41,
    "trials": 37,
    "effective_trials": 9,
    "ledger_head": "0" * 64,
}
HOSTILE = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<b>bold</b> & 'quoted' `code` | cell",
    "# heading\n- item\n[link](http://x) ``` \u202e",
    "]]> --> <!-- \x00\x07 \ud800",
)
FORMS = ("html", "md", "json")


def sections(subject: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(report(subject, form="json"))["sections"]
    return found


def test_a_report_shows_the_numbers_of_the_engine() -> None:
    found, sheet = sections(RESULT), tear_sheet(RESULT)
    for name, value in {**found["headline"]["headline"], **found["headline"]["metrics"]}.items():
        assert value == RESULT.metrics[name], name
    assert found["costs"]["costs"].items() <= sheet["costs"].items()
    assert found["exposure"]["exposure"].items() <= sheet["exposure"].items()
    assert [row["total_pnl"] for row in found["attribution"]["attribution"]] == [
        row["total_pnl"] for row in sheet["attribution"]
    ]
    months = [each for row in found["monthly_returns"]["monthly_returns"] for each in row["months"]]
    assert [each for each in months if each is not None] == [
        row["return_pct"] for row in sheet["monthly_returns"]
    ]
    assert found["curve"]["equity"]["value"][-1] == RESULT.curve.value[-1]
    assert min(found["curve"]["drawdown"]["drawdown"]) == -100 * RESULT.curve.drawdown.max()


def test_the_largest_wins_and_losses_come_first() -> None:
    found = sections(RESULT)["trades"]
    wins, losses = ([row["pnl"] for row in found[f"largest_{kind}"]] for kind in ("wins", "losses"))
    assert wins == sorted(wins, reverse=True)
    assert losses == sorted(losses)
    assert (wins[0], losses[0]) == (RESULT.metrics["largest_win"], RESULT.metrics["largest_loss"])


def test_moving_statistics_are_those_of_each_window() -> None:
    found = rolling(RESULT)
    assert found is not None
    assert found.beta is not None
    assert RESULT.benchmark is not None
    returns, market = (stats.bar_returns(each.value) for each in (RESULT.curve, RESULT.benchmark))
    periods = RESULT.metrics["periods_per_year"]
    assert periods is not None
    for place in (0, 17, -1):
        part = slice(found.bar[place] - found.window, found.bar[place])
        spread = stats.moments(returns[part])
        assert found.sharpe_ratio[place] == stats.sharpe_ratio(spread, periods, 0.0)
        assert found.volatility[place] == 100 * stats.volatility(spread, periods)
        assert found.beta[place] == beta(returns[part], market[part])
    assert found.bar[-1] == len(RESULT.curve) - 1


def test_windows_measured_in_parts_are_those_measured_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = rolling(RESULT)
    monkeypatch.setattr("glowback_trio.engine.analytics.rolling._AT_ONCE", 1000)
    parts = rolling(RESULT)
    assert whole is not None
    assert parts is not None
    np.testing.assert_array_equal(whole.sharpe_ratio, parts.sharpe_ratio)


@pytest.mark.parametrize("form", FORMS)
def test_the_same_result_gives_the_same_bytes(form: Any) -> None:
    kept = unpack_result(pack_result(RESULT))
    assert report(RESULT, form=form) == report(kept, form=form) == report(daily_run(), form=form)


@pytest.mark.parametrize("form", FORMS)
def test_ten_years_of_daily_bars_take_less_than_200_kilobytes(form: Any) -> None:
    run = ReportedRun(daily_run(2520), "run-1", labels={"note": "n" * 1000}, overfit=OVERFIT)
    assert run.result.metrics["total_trades"] > 100  # type: ignore[operator] # it is a number
    assert len(report(run, form=form).encode()) < 200_000


def test_a_page_needs_nothing_but_itself() -> None:
    page = report(ReportedRun(RESULT, overfit=OVERFIT))
    parsed = Parsed(page)
    named = {name for _, attributes in parsed.elements for name in attributes}
    assert not named & {"src", "href", "style", "srcset", "onload", "onclick"}
    scripts = [attributes for tag, attributes in parsed.elements if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "glowback-manifest"}]
    assert not re.search(r"url\(|@import|https?://", page)
    assert content_policy() in page
    assert "unsafe" not in content_policy()


def test_a_page_tells_the_charts_in_words_as_well() -> None:
    titles = re.findall(r"<svg[^>]*><title>(.*?)</title>", report(RESULT))
    assert len(titles) == 5
    assert titles[0].startswith("Value of the account. Value: first ")


def test_charts_stay_within_their_frames() -> None:
    for height, drawing in re.findall(
        r'<svg viewBox="0 0 720 (\d+)".*?>(.*?)</svg>', report(RESULT)
    ):
        for path in re.findall(r'<g transform[^>]*><path d="([^"]+)" class="line', drawing):
            x = y = 0.0
            for kind, dx, dy in re.findall(r"([Ml])(-?\d+) ?(-?\d+)", path):
                x, y = (float(dx), float(dy)) if kind == "M" else (x + int(dx), y + int(dy))
                assert 0 <= x <= 7200
                assert 0 <= y <= 10 * int(height)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_write_stays_text(text: str) -> None:
    # Only a strategy's own words can hold half of a pair: documents cannot.
    written = text.replace("\ud800", "")
    labels = {"name": written, "tags": [written], "note": written}
    logged = evolve(RESULT, logs=[text])
    plain = Parsed(report(ReportedRun(RESULT, labels={"name": "n", "tags": ["t"], "note": "x"})))
    hostile = Parsed(report(ReportedRun(logged, labels=labels)))
    assert hostile.tags == plain.tags
    attributes = {name for _, given in hostile.elements for name in given}
    assert attributes == {name for _, given in plain.elements for name in given}
    readable = re.sub(r"[\x00-\x08\ud800]", "\ufffd", text)
    assert readable.splitlines()[0] in "".join(hostile.texts)


@pytest.mark.parametrize("text", HOSTILE)
def test_in_a_comparison_and_in_a_search_too(text: str) -> None:
    compared = Comparison.of(
        ReportedRun(RESULT, labels={"name": text.replace("\ud800", "")}), RESULT
    )
    assert "img" not in Parsed(report(compared)).tags
    found = small_search(name=text.replace("\ud800", ""), description=text[:10])
    assert not Parsed(report(found)).tags & {"img", "b", "link"}
    scripts = [tag for tag, _ in Parsed(report(compared)).elements if tag == "script"]
    assert len(scripts) == 1


def test_markdown_shows_text_as_it_is() -> None:
    labels = {"name": "*a* | <b>", "note": "# no heading\n1. no list\n```"}
    text = report(ReportedRun(RESULT, labels=labels), form="md")
    assert text.startswith("# \\*a\\* \\| &lt;b>\n")
    assert "\n\\# no heading\n" in text
    assert "\n1\\. no list\n" in text
    assert [line for line in text.splitlines() if line.startswith("```")] == [
        "```json glowback-manifest",
        "```",
    ]


def test_every_row_of_a_markdown_table_has_its_cells() -> None:
    for table in re.findall(r"(?:^\|.*\n)+", report(RESULT, form="md"), re.MULTILINE):
        assert len({row.count("|") - row.count("\\|") for row in table.splitlines()}) == 1


def test_a_ledger_gives_the_honest_number_of_looks() -> None:
    page = report(ReportedRun(RESULT, overfit=OVERFIT))
    assert "counted 37 trials of this strategy on these bars, of which 9 count" in page
    assert "is 0.410. Below 0.95, luck remains a plain explanation." in page
    assert "How often anyone has looked is not known here" in report(RESULT)


@pytest.mark.parametrize(
    "changes",
    [
        {"start_date": "2010-01-04", "end_date": "2010-01-04"},
        {"start_date": "2010-01-04", "end_date": "2010-01-07"},
        {"strategy": BuyAndHold(), "benchmark_symbol": None},
        {"initial_capital": 1e-3},
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_short_and_quiet_runs_have_reports_too(form: Any, changes: dict[str, Any]) -> None:
    text = report(daily_run(**changes), form=form)
    assert not re.search(r">(nan|None|inf)<|\b(NaN|Infinity)\b", text)


def test_a_comparison_marks_the_best_and_names_the_differences() -> None:
    other = daily_run(strategy=BuyAndHold())
    compared = Comparison.of(ReportedRun(RESULT, labels={"name": "First"}), other)
    found = sections(compared)
    (total,) = (row for row in found["metrics"]["metrics"] if row["metric"] == "Total return")
    values = [each.metrics["total_return"] for each in (RESULT, other)]
    assert [total["run_1"], total["run_2"]] == values
    best = re.findall(r"<td>Total return</td>(<td.*?</td>)(<td.*?</td>)", report(compared))[0]
    assert ["best" in cell for cell in best] == [value == max(values) for value in values]  # type: ignore[type-var] # numbers
    fields = {
        row["field"]: (row["run_1"], row["run_2"]) for row in found["differences"]["differences"]
    }
    assert fields["strategy.name"] == ("ma_crossover", "buy_and_hold")
    assert found["differences"]["bars"] == ["All were run on the same bars."]


def test_a_comparison_lays_runs_of_other_times_side_by_side() -> None:
    later = daily_run(start_date="2010-06-01")
    growth = sections(Comparison.of(RESULT, later))["curves"]["growth"]
    assert growth["run_2"][0] is None
    assert growth["run_2"][-1] == pytest.approx(later.metrics["total_return"])
    assert growth["run_1"][-1] == pytest.approx(RESULT.metrics["total_return"])


def test_an_optimization_says_how_likely_the_best_is_luck() -> None:
    found = small_search()
    told = sections(found)
    assert found.best_trial is not None
    assert told["headline"]["headline"]["objective"] == found.best_trial.objective
    figures = found.diagnostics
    assert told["headline"]["headline"]["effective_trials"] == figures["effective_number_of_trials"]
    assert told["ranking"]["ranking"][0]["trial_number"] == found.best_trial.trial_number
    assert len(told["validation"]["windows"]) == 3
    assert told["validation"]["out_of_sample_equity"]["value"]
    assert told["surface"]["surface"]["across"]["name"] in ("short_period", "long_period")
    assert 'class="p5"' in report(found)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: report(RESULT, form="pdf"), "'html', 'md' or 'json'"),  # type: ignore[arg-type] # wrong on purpose
        (lambda: report("a"), "a result, an export or a ReportedRun, not 'a'"),  # type: ignore[arg-type] # wrong on purpose
        (lambda: Comparison.of(RESULT), "2 to 10 runs, not 1"),
        (lambda: Comparison.of(*[RESULT] * 11), "2 to 10 runs, not 11"),
        (lambda: report(evolve(finished_export(), result=None)), "a report is written of a"),
        (
            lambda: report(evolve(small_search(), state=OptimizationState.CANCELLED)),
            "is cancelled: a report is written of a completed one",
        ),
    ],
)
def test_what_has_no_report_is_refused_in_a_sentence(call: Any, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=re.escape(words)):
        call()


def test_an_export_is_reported_with_its_labels_and_its_log() -> None:
    export = evolve(finished_export(), labels={"name": "Mine", "tags": ("a",), "note": ""})
    told = json.loads(report(export, form="json"))
    assert (told["title"], told["checks"]["run_id"]) == ("Mine", "run-1")
    assert told["sections"]["record"]["record"]["event_count"] == len(export.events)
    assert "#a" in told["subtitle"]


def test_a_reported_run_says_what_it_is() -> None:
    assert repr(ReportedRun(RESULT)) == "<ReportedRun Moving Average Crossover, 400 bars>"
    assert repr(Comparison.of(RESULT, RESULT)) == "<Comparison 2 runs>"


def test_generated_prices_are_pointed_out() -> None:
    result: Result | None = finished_export().result
    assert result is not None
    assert "The prices are generated." in report(result)
