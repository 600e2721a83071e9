"""The documentation agrees with the code.

Doctrine: what a page lists (fields, defaults, metrics, settings, strategies, files, words) is
compared with the code, in both directions where the page claims to be complete. Programs run as
they are printed, and every link leads somewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from pkgutil import resolve_name
from typing import get_args

import attrs
import orjson
import pytest
from support.pages import ROOT, blocks, page, rows_under

import glowback_trio
from glowback_trio.data import Catalogue, demo_path
from glowback_trio.engine import Simulation
from glowback_trio.engine.reporting.result_document import result_document
from glowback_trio.engine.reporting.result_rows import ResultTable
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.orders import OrderEventKind
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.request import Execution, Stream
from glowback_trio.model.strategies.api import Context
from glowback_trio.model.strategies.parameters import STRATEGIES
from glowback_trio.server import Settings
from glowback_trio.wire.requests import parse_request

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PACKAGE = Path(glowback_trio.__file__).parent
CONTRIBUTORS = ["CONTRIBUTING.md", "docs/architecture.md", "docs/glossary.md"]
ENGINE, STREAMS = page("docs/engine.md"), page("docs/streams.md")


def named(texts: Iterable[str]) -> set[str]:
    """Return the single words between backticks."""
    return {name for text in texts for name in re.findall(r"`(\w+)`", text)}


def written(value: object) -> str:
    """Write a default as the pages do."""
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value in (None, ()) else str(value)


def shown(value: object) -> str:
    """Return a default of a request as its table has it: text as it is, all else as JSON."""
    return value if isinstance(value, str) and value else orjson.dumps(value).decode()


def code_in(text: str) -> list[str]:
    """Return what stands between backticks, leaving code blocks out."""
    return re.findall(
        r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_dotted_name_on_a_page_is_there(path: Path) -> None:
    for name in code_in(path.read_text()):
        if re.fullmatch(r"glowback_trio(\.\w+)+", name):
            resolve_name(name)


@pytest.mark.parametrize("name", CONTRIBUTORS)
def test_every_file_on_a_page_for_contributors_is_there(name: str) -> None:
    for path in code_in(page(name)):
        if re.fullmatch(r"[\w.*-]+(/[\w.*-]*)+|[\w-]+\.(py|md|toml)", path):
            assert any(any(place.glob(path.rstrip("/"))) for place in (ROOT, PACKAGE)), path


def test_every_word_of_the_glossary_is_where_it_says() -> None:
    for section in re.findall(r"^## (.+)$", page("docs/glossary.md"), re.MULTILINE):
        for word, _, where in rows_under(page("docs/glossary.md"), section):
            path, *names = code_in(where)
            source = (PACKAGE / path).read_text()
            assert all(re.search(rf"\b{name}\b", source) for name in names), word


def test_every_session_of_nox_is_explained() -> None:
    sessions = re.findall(r"^@nox.session.*\ndef (\w+)", page("noxfile.py"), re.MULTILINE)
    testing = page("docs/testing.md").partition("## The package itself")[2]
    assert set(sessions) - named([testing]) == set()
    to_run = " ".join(row[1] for row in rows_under(page("CONTRIBUTING.md"), "Check"))
    assert named([to_run]) <= set(sessions)


def test_every_benchmark_is_on_its_page() -> None:
    programs = {path.name for path in (ROOT / "benchmarks").glob("*.py")}
    assert programs - set(code_in(page("docs/benchmarks.md"))) == set()


def test_no_link_leads_nowhere() -> None:
    for place in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", place.read_text()):
            assert (place.parent / target).exists(), target


def test_no_link_to_a_heading_leads_nowhere() -> None:
    for place in PAGES:
        for target, heading in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", place.read_text()):
            text = (place.parent / target).read_text() if target else place.read_text()
            headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
            # As code hosts make them: without punctuation.
            anchors = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
            assert heading in anchors, heading


def test_the_tables_of_a_result_are_listed() -> None:
    (listed,) = re.findall(
        r"The tables are (.*?): every closed", page("docs/embedding.md"), re.DOTALL
    )
    assert named([listed]) == set(get_args(ResultTable))


@pytest.mark.parametrize("name", ["data", "embedding", "engine", "optimizations", "strategies"])
def test_programs_run_as_they_stand(name: str) -> None:
    names: dict[str, object] = {"__name__": "page"}  # a later program goes on with an earlier one
    for program in blocks(page(f"docs/{name}.md"), "python"):
        if "http://" in program:  # needs a server: see test_readme.py
            continue
        # Not with the future of this module, which would make texts of annotations.
        exec(compile(program, name, "exec", dont_inherit=True), names)


def test_the_report_of_a_finding_is_the_one_shown(capsys: pytest.CaptureFixture[str]) -> None:
    program, *_others = blocks(page("docs/testing.md"), "python")
    (report,) = blocks(page("docs/testing.md"), "text")
    exec(compile(program, "hub.py", "exec"), {"__name__": "hub"})
    assert capsys.readouterr().out == report


def test_the_configuration_table_is_the_settings_table() -> None:
    assert rows_under(page("docs/deployment.md"), "Configuration") == [
        (
            f"`{row.metadata['env']}`",
            f"`{row.metadata['flag']}`" if row.metadata["flag"] else "",
            written(row.default),
            row.metadata["help"],
        )
        for row in attrs.fields(Settings)
    ]


def test_the_strategies_table_is_the_strategies() -> None:
    assert rows_under(page("docs/strategies.md"), "Built in") == [
        (
            f"`{name}`",
            (strategy.__doc__ or "").splitlines()[0],
            ", ".join(f"`{row.name}` {row.default}" for row in attrs.fields(strategy)),
        )
        for name, strategy in STRATEGIES.items()
    ]


def test_the_context_table_names_all_that_a_strategy_sees() -> None:
    rows = rows_under(page("docs/strategies.md"), "Called at every bar")
    listed = {name for row in rows for name in re.findall(r"`(\w+)[`(]", row[0])}
    assert listed == {name for name in vars(Context) if not name.startswith("_")}


def test_the_stream_table_is_what_a_request_may_ask() -> None:
    defaults = {row.name: orjson.dumps(row.default).decode() for row in attrs.fields(Stream)}
    fields = [row for row in rows_under(STREAMS, "Events") if row[0].strip("`") in defaults]
    assert {row[0].strip("`"): row[1] for row in fields} == defaults


def test_the_table_of_an_optimization_is_its_request() -> None:
    rows = rows_under(page("docs/optimizations.md"), "The request")
    listed = [
        pair for row in rows for pair in zip(row[0].split(", "), row[1].split(", "), strict=True)
    ]
    fields = {row.name: row.default for row in attrs.fields(OptimizationRequest)}
    assert {name.strip("`"): default.strip("`") for name, default in listed} == {
        name: "required" if default is attrs.NOTHING else shown(default)
        for name, default in fields.items()
    }


@pytest.mark.parametrize("cls", [Execution, PortfolioConstruction])
def test_the_engine_page_speaks_of_every_field(cls: type) -> None:
    words = set(re.findall(r"\w+", ENGINE))
    assert {row.name for row in attrs.fields(cls)} - words <= {"method"}


def test_the_engine_page_has_every_reason_of_an_order_event_and_no_other() -> None:
    shown = re.findall(r"^\| `([^`|]+)` \| (cancelled|rejected|amended) \|", ENGINE, re.MULTILINE)
    assert sorted(shown) == sorted((one.reason, one.event) for one in OrderEventKind if one.reason)


def test_the_portfolio_shown_runs_and_its_result_is_the_one_described() -> None:
    (shown,) = blocks(ENGINE, "json")
    request = parse_request(orjson.loads(shown))
    simulation = Simulation(request, Catalogue(demo_path()).load(request))
    simulation.run()
    document = result_document(simulation.result(), "run-1")
    described = named(row[0] for row in rows_under(ENGINE, "The result"))
    assert set(document) - {"run_id", "benchmark_symbol"} == described
    metrics = named(row[0] for row in rows_under(ENGINE, "Metrics"))
    of_portfolios = named([ENGINE.partition("four more metrics:")[2].partition("\n## ")[0]])
    assert metrics | of_portfolios == set(document["metrics_summary"])
    assert named([ENGINE.partition("## Tear sheet")[2]]) >= set(document["tearsheet"])
