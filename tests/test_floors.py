"""The architecture rules of the package, checked on its syntax trees.

Imports point down only and nowhere in a circle, type-only ones included; a folder and a file stay
small enough to be known; what is imported is declared. Each rule is a function from the sources to
the offences, and is also tried on a planted offence, so that it cannot pass by not looking.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import packages_distributions
from pathlib import PurePosixPath

import pytest
from support.house import HOUSE, House, Import, circles, folders, imports_of, module_name
from support.pages import page, rows_under

_GROUND = {"errors", "version", "lazy", "nursery", "spelling", "memory", "control_groups"}
_GROUND |= {"border", "interrupt"}
_MODEL = {"errors", "interrupt", "version", "spelling", "model"}
_WIRE = _MODEL | {"wire"}
_SYSTEM = {"extras", "border", "nursery", "memory", "control_groups"}
_COMPUTE = _WIRE | _SYSTEM | {"engine", "data", "store", "compute"}
_ACTORS = _COMPUTE | {"search", "actors"}
_REPORTS = _WIRE | {"extras", "engine", "search", "data", "compute", "reports"}
_SERVER = _ACTORS | {"reports", "serving", "server"}
_PEERS = _SERVER | {"client", "peers"}

#: Room -> the rooms it may import from. Within a room, only circles are forbidden.
MAY_IMPORT = {
    "": _ACTORS | {"lazy", "reports"},
    "errors": {"errors"},
    "version": {"version"},
    "lazy": {"lazy"},
    "nursery": {"nursery"},
    "interrupt": {"interrupt"},
    "border": {"interrupt", "border"},
    "spelling": {"spelling"},
    "control_groups": {"control_groups"},
    "memory": {"errors", "control_groups", "memory"},
    "model": _MODEL | {"lazy"},
    "wire": _WIRE,
    "extras": {"errors", "extras"},
    "engine": _WIRE | {"engine"},
    "data": _WIRE | {"extras", "data"},
    "store": _WIRE | {"extras", "border", "nursery", "memory", "store"},
    "compute": _COMPUTE,
    "search": _WIRE | {"extras", "engine", "search"},
    "actors": _ACTORS | {"lazy"},
    "reports": _REPORTS,
    "serving": {"border", "errors", "serving"},
    "server": _SERVER,
    "client": _WIRE | {"extras", "client"},
    "notebook": _ACTORS | {"reports", "client", "notebook"},
    "peers": _PEERS,
    "cli": _PEERS | {"cli"},
    "testing": _PEERS | {"lazy", "testing"},
    "__main__": {"cli"},
}

#: Outside package -> the rooms that may import it.
CONFINED = {
    "annotated_types": {"model"},
    "anyio": {"client"},
    "apsw": {"store", "testing"},
    "cattrs": {"wire"},
    "cyclopts": {"cli"},
    "httpcore2": {"client", "peers"},
    "httptools": {"serving"},
    "httpx2": {"client", "peers"},
    "hypercorn": {"serving"},
    "hypothesis": {"testing"},
    "platformdirs": {"cli", "compute"},
    "prometheus_client": {"server"},
    "pytest": {"testing"},
    "quart": {"server", "cli", "testing"},
    "quart_trio": {"server", "cli", "testing"},
    "rich": {"cli"},
    "structlog": {"server"},
    "trio": {
        "border",
        "nursery",
        "store",
        "compute",
        "actors",
        "serving",
        "server",
        "client",
        "peers",
        "cli",
        "testing",
    },
    "werkzeug": {"server"},
    "wsproto": {"serving", "client"},
}

#: Room -> what the architecture page says it may import.
DOCUMENTED = {
    row[0].strip("`"): row[1] for row in rows_under(page("docs/architecture.md"), "Rooms")
}
#: Room -> its parts, from the ground up.
PARTS = {
    row[0].strip("`"): re.findall(r"`(\w+)`", row[2])
    for row in rows_under(page("docs/architecture.md"), "Rooms")
}

#: What module names used to be and must not become again: words that say nothing of the subject.
VAGUE = re.compile(
    "door|prompt|site|offer|asked|alone|together|current|own|running|patience|opening|drafts"
    "|moments|pieces|repeats|tape|books|utils|common|helpers|types|constants"
)

#: How the docstring of a package begins.
HEAD = re.compile(r".+\n\nBelongs here: .+\nNever here: .+\nMay be imported by: .+(?:\n\n|$)")


def room_of(path: str) -> str:
    return module_name(path).partition(".")[0]


def upward_imports(house: House) -> Iterator[str]:
    """A room imports only from the floors below; a late import hides a circle."""
    for each in imports_of(house):
        target = each.target.partition(".")[0]
        if each.is_ours and target not in MAY_IMPORT[room_of(each.importer)]:
            yield f"{each.place}: may not import {target or 'the whole package'}"
        elif each.is_late and (each.is_ours or room_of(each.importer) != "cli"):
            yield f"{each.place}: import of {each.target} is hidden inside a function"


def strayed_packages(house: House) -> Iterator[str]:
    """Some packages of others are used in a few rooms only."""
    for each in imports_of(house):
        package = each.target.partition(".")[0]
        room = room_of(each.importer)
        if not each.is_ours and room not in CONFINED.get(package, {room}):
            yield f"{each.place}: {package} is not for {room}"


def heavy_simulation(house: House) -> Iterator[str]:
    """The simulation kit serves any trio program, so it needs nothing but trio."""
    for each in imports_of(house):
        package = each.target.partition(".")[0]
        if not each.importer.startswith("testing/sim/"):
            continue
        if each.is_ours and not each.target.startswith("testing.sim"):
            yield f"{each.place}: testing.sim may not import {each.target}"
        if not each.is_ours and package not in sys.stdlib_module_names | {"trio"}:
            yield f"{each.place}: {package} is not for testing.sim"


def circular_imports(house: House) -> Iterator[str]:
    """The modules and folders of a folder import each other in one direction."""
    for folder in folders(house):
        if circle := circles(house, folder):
            yield f"{folder or 'glowback_trio'}: {' -> '.join(circle)}"


def disordered_parts(house: House) -> Iterator[str]:
    """The parts of a room stand on each other in the order that the architecture page gives."""
    for each in imports_of(house):
        room, _, rest = module_name(each.importer).partition(".")
        target, _, aim = each.target.partition(".")
        if not each.is_ours or target != room or room not in PARTS:
            continue
        here, there = rest.partition(".")[0], aim.partition(".")[0]
        order = PARTS[room]
        if {here, there} <= set(order) and order.index(here) < order.index(there):
            yield f"{each.place}: {there} stands on {here} in docs/architecture.md"


def unlisted_parts(house: House) -> Iterator[str]:
    """The architecture page lists every part of a room, and no part that has gone."""
    for room, listed in PARTS.items():
        there = {
            path.removeprefix(f"{room}/").partition("/")[0].removesuffix(".py")
            for path in house
            if path.startswith(f"{room}/")
        }
        for part in sorted((there - {"__init__"}) ^ set(listed)):
            state = "is not listed" if part in there else "is listed, but does not exist"
            yield f"{room}/{part} {state} in docs/architecture.md"


def crowded_folders(house: House) -> Iterator[str]:
    """A folder holds no more modules than can be known by heart."""
    for folder, modules in folders(house).items():
        if len(modules) > 14:
            yield f"{folder}: {len(modules)} modules, at most 14 are allowed"


def undeclared_packages(house: House) -> Iterator[str]:
    """What is imported is declared, so that it is there when a dependency drops it."""
    declared, distributions = declared_distributions(), packages_distributions()
    for each in imports_of(house):
        package = each.target.partition(".")[0]
        if each.is_ours or package in sys.stdlib_module_names:
            continue
        if declared.isdisjoint(map(normalized, distributions.get(package, ()))):
            yield f"{each.place}: {package} is imported and not declared in pyproject.toml"


def vague_names(house: House) -> Iterator[str]:
    """A module is named after its subject."""
    for path in house:
        if any(map(VAGUE.fullmatch, PurePosixPath(path).with_suffix("").parts)):
            yield f"{path}: the name does not say what is in it"


def headless_packages(house: House) -> Iterator[str]:
    """The face of a package says what belongs behind it."""
    for path, source in house.items():
        docstring = ast.get_docstring(ast.parse(source)) or ""
        if path.endswith("__init__.py") and not HEAD.match(docstring):
            yield f"{path}: the docstring lacks what belongs here, what never, who imports it"


def endless_files(house: House) -> Iterator[str]:
    """A file is short enough to be read at a sitting."""
    for path, source in house.items():
        if (length := len(source.splitlines())) > 500:
            yield f"{path}: {length} lines, at most 500 are allowed"


def long_files(house: House) -> Iterator[str]:
    for path, source in house.items():
        if 300 < (length := len(source.splitlines())) <= 500:
            yield f"{path}: {length} lines, is that still one subject?"


def normalized(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def declared_distributions() -> set[str]:
    """The distributions that the package or one of its extras requires."""
    project = tomllib.loads(page("pyproject.toml"))["project"]
    extras = [each for extra in project["optional-dependencies"].values() for each in extra]
    names = [re.match(r"[\w.-]+", each) for each in project["dependencies"] + extras]
    return {normalized(name[0]) for name in names if name}


Rule = Callable[[House], Iterator[str]]
RULES = (
    upward_imports,
    strayed_packages,
    heavy_simulation,
    circular_imports,
    disordered_parts,
    unlisted_parts,
    crowded_folders,
    undeclared_packages,
    vague_names,
    headless_packages,
    endless_files,
)


@pytest.mark.parametrize("rule", RULES)
def test_the_package_keeps_the_rule(rule: Rule) -> None:
    assert list(rule(HOUSE)) == []


@pytest.mark.filterwarnings("default")  # a warning is an error elsewhere; here it is the report
def test_files_that_grow_long_are_named() -> None:
    for complaint in long_files(HOUSE):
        warnings.warn(complaint, stacklevel=1)


def test_the_architecture_page_says_what_a_room_may_import() -> None:
    rooms = MAY_IMPORT.keys() - {"", "__main__", "lazy"}
    for room, sentence in DOCUMENTED.items():
        named = set(re.findall(r"`(\w+)`", sentence))
        said = rooms - named if sentence.startswith("every room but") else named
        assert said - {room} == MAY_IMPORT[room] & rooms - {room}
    ground = {"errors", "extras", "version", "nursery", "spelling", "memory", "control_groups"}
    ground |= {"border", "interrupt"}
    assert rooms - DOCUMENTED.keys() == ground


def test_the_walk_sees_every_room() -> None:
    seen = {room_of(path) for path in HOUSE}
    assert seen == MAY_IMPORT.keys()


PLANTED: list[tuple[Rule, str, str]] = [
    (upward_imports, "model/planted.py", "from glowback_trio.engine import backtest"),
    (upward_imports, "engine/planted.py", "import glowback_trio.data.csv"),
    (upward_imports, "engine/batch/planted.py", "from glowback_trio.data import Source"),
    (upward_imports, "store/planted.py", "from glowback_trio import actors"),
    (upward_imports, "actors/planted.py", "from glowback_trio import Result"),
    (upward_imports, "actors/planted.py", "from .gateway import Gateway"),
    (upward_imports, "serving/planted.py", "from glowback_trio.model.events import Event"),
    (upward_imports, "server/planted.py", "from glowback_trio.cli import main"),
    (upward_imports, "server/planted.py", "from glowback_trio.client import open_client"),
    (upward_imports, "client/planted.py", "from glowback_trio.actors import Run"),
    (upward_imports, "testing/planted.py", "from glowback_trio.cli import main"),
    (upward_imports, "model/planted.py", "if TYPE_CHECKING:\n    import glowback_trio.wire"),
    (upward_imports, "server/planted.py", "def f():\n    from glowback_trio.actors import Run"),
    (upward_imports, "cli/planted.py", "def f():\n    from glowback_trio.actors import Run"),
    (upward_imports, "engine/planted.py", "def late():\n    import numpy"),
    (strayed_packages, "engine/planted.py", "import trio"),
    (strayed_packages, "wire/planted.py", "from trio.lowlevel import checkpoint"),
    (strayed_packages, "actors/planted.py", "import quart"),
    (strayed_packages, "server/routes/planted.py", "from hypercorn.config import Config"),
    (strayed_packages, "engine/planted.py", "import hypothesis"),
    (heavy_simulation, "testing/sim/planted.py", "import numpy"),
    (heavy_simulation, "testing/sim/planted.py", "from attrs import frozen"),
    (heavy_simulation, "testing/sim/planted.py", "from glowback_trio.errors import DataError"),
    (circular_imports, "errors.py", "from glowback_trio.extras import Extra"),
    (circular_imports, "compute/job.py", "from glowback_trio.compute import Compute"),
    (circular_imports, "engine/execution/order.py", "import glowback_trio.engine.accounting.curve"),
    (disordered_parts, "engine/timeline.py", "import glowback_trio.engine.execution.order"),
    (disordered_parts, "server/state/feeds.py", "import glowback_trio.server.pipeline.checks"),
    (disordered_parts, "actors/run_slots.py", "from glowback_trio.actors.run import Run"),
    (unlisted_parts, "model/planted.py", ""),
    (unlisted_parts, "server/planted/__init__.py", ""),
    (undeclared_packages, "engine/planted.py", "import nox"),
    (undeclared_packages, "engine/planted.py", "if TYPE_CHECKING:\n    import no_such_package"),
    (vague_names, "server/door.py", ""),
    (vague_names, "server/own/rows.py", ""),
    (headless_packages, "engine/planted/__init__.py", '"""Planted."""'),
    (headless_packages, "engine/planted/__init__.py", ""),
    (endless_files, "engine/planted.py", "\n" * 501),
    (long_files, "engine/planted.py", "\n" * 301),
]


@pytest.mark.parametrize(("rule", "path", "source"), PLANTED)
def test_an_offence_is_seen(rule: Rule, path: str, source: str) -> None:
    standing = set(rule(HOUSE))
    assert len(set(rule({**HOUSE, path: source})) - standing) == 1


@pytest.mark.parametrize("part", ["model/instant.py", "engine/batch/"])
def test_a_part_that_has_gone_is_seen(part: str) -> None:
    rest = {path: source for path, source in HOUSE.items() if not path.startswith(part)}
    assert len(list(unlisted_parts(rest))) == 1


def test_a_crowded_folder_is_seen() -> None:
    crowd = {f"planted/part_{number}.py": "" for number in range(14)}
    assert list(crowded_folders(crowd)) == []
    assert len(list(crowded_folders({**crowd, "planted/__init__.py": ""}))) == 1


def test_a_circle_of_folders_is_seen_where_no_two_modules_import_each_other() -> None:
    planted = {
        "room/__init__.py": "",
        "room/left/__init__.py": "",
        "room/left/one.py": "import glowback_trio.room.right.one",
        "room/left/two.py": "",
        "room/right/__init__.py": "",
        "room/right/one.py": "",
        "room/right/two.py": "import glowback_trio.room.left.two",
    }
    assert [set(circles(planted, folder)) for folder in folders(planted) if folder == "room"] == [
        {"left", "right"}
    ]
    assert circles(planted, "room/left") == []


ALLOWED = [
    ("compute/steps.py", "import trio\nfrom glowback_trio.engine import Simulation"),
    ("serving/limits.py", "import trio, hypercorn\nimport glowback_trio.errors"),
    ("cli/commands/planted.py", "def late():\n    import rich"),
    ("testing/sim/planted.py", "import trio\nimport glowback_trio.testing.sim.schedule"),
]


@pytest.mark.parametrize(("path", "source"), ALLOWED)
@pytest.mark.parametrize("rule", RULES)
def test_what_is_allowed_passes(rule: Rule, path: str, source: str) -> None:
    standing = set(rule(HOUSE))
    assert set(rule({**HOUSE, path: source})) - standing == set()


def test_an_import_is_what_the_statement_names() -> None:
    planted = {
        **HOUSE,
        "cli/planted.py": "from glowback_trio.data import Source\nimport rich.table",
    }
    assert [each for each in imports_of(planted) if each.importer == "cli/planted.py"] == [
        Import("cli/planted.py", "data", is_ours=True, line=1, is_late=False),
        Import("cli/planted.py", "rich.table", is_ours=False, line=2, is_late=False),
    ]
