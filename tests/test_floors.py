"""The rules of the house, read from the syntax trees: imports point down only.

Each rule is also tried on a planted offence, so that it cannot pass by not looking.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

import glowback_trio

PACKAGE = Path(glowback_trio.__file__).parent

_GROUND = {"errors", "version"}
_MODEL = _GROUND | {"model"}
_WIRE = _MODEL | {"wire"}
_COMPUTE = _WIRE | {"extras", "engine", "data", "store", "compute"}
_ACTORS = _COMPUTE | {"actors"}
_SERVER = _ACTORS | {"serving", "server"}
_TOP = _SERVER | {"client"}

#: Room -> the rooms it may import from, its own included.
MAY_IMPORT = {
    "errors": {"errors"},
    "version": {"version"},
    "model": _MODEL,
    "wire": _WIRE,
    "extras": {"errors", "extras"},
    "engine": _WIRE | {"engine"},
    "data": _WIRE | {"extras", "data"},
    "store": _WIRE | {"store"},
    "compute": _COMPUTE,
    "actors": _ACTORS,
    "lazy": {"lazy"},
    "__init__": _ACTORS | {"lazy"},
    "serving": {"errors", "serving"},
    "server": _SERVER,
    "client": _WIRE | {"client"},
    "cli": _TOP | {"cli"},
    "testing": _TOP | {"lazy", "testing"},
    "__main__": {"cli"},
}

#: Outside package -> the rooms that may import it.
CONFINED = {
    "trio": {"compute", "actors", "serving", "server", "client", "cli", "testing"},
    "quart": {"server", "cli", "testing"},
    "quart_trio": {"server", "cli", "testing"},
    "hypercorn": {"serving"},
    "cyclopts": {"cli"},
    "rich": {"cli"},
}


@frozen
class Import:
    room: str
    target: str
    line: int
    inside_a_function: bool

    @property
    def offence(self) -> str | None:
        package, _, rest = self.target.partition(".")
        if package == "glowback_trio":
            room = rest.split(".")[0]
            if room not in MAY_IMPORT[self.room]:
                return f"{self.room} may not import {room or 'the whole package'}"
            return "is hidden inside a function" if self.inside_a_function else None
        if self.room not in CONFINED.get(package, {self.room}):
            return f"{package} is not for {self.room}"
        if self.inside_a_function and self.room != "cli":
            return "is hidden inside a function"
        return None


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_in(source: str, room: str) -> Iterator[Import]:
    tree = ast.parse(source)
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    inner = {id(n) for f in ast.walk(tree) if isinstance(f, functions) for n in ast.walk(f)}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                targets = [alias.name for alias in names]
            case ast.ImportFrom(level=0, module=str(module), names=names):
                # `from glowback_trio import x` may name a room or a re-exported word
                whole = module == "glowback_trio" and all(a.name in MAY_IMPORT for a in names)
                targets = [f"{module}.{a.name}" for a in names] if whole else [module]
            case ast.ImportFrom():
                targets = ["glowback_trio"]  # relative: names no floor, so it is refused
            case _:
                continue
        yield from (Import(room, target, node.lineno, id(node) in inner) for target in targets)


def offences_in(source: str, room: str) -> list[str]:
    found = imports_in(source, room)
    return [f"line {i.line}: import of {i.target}: {i.offence}" for i in found if i.offence]


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down_only(path: Path) -> None:
    assert offences_in(path.read_text(), room_of(path)) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_holds_one_subject_in_under_300_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 300


def test_the_walk_sees_every_room() -> None:
    seen = {room_of(path) for path in MODULES}
    assert seen <= MAY_IMPORT.keys()
    assert seen >= {"errors", "model", "engine", "data", "store", "compute", "actors", "serving"}


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("model", "from glowback_trio.engine import backtest"),
        ("engine", "import glowback_trio.data.csv"),
        ("store", "from glowback_trio import actors"),
        ("actors", "from glowback_trio import Result"),
        ("actors", "from .gateway import Gateway"),
        ("serving", "from glowback_trio.model.events import Event"),
        ("server", "from glowback_trio.cli import main"),
        ("server", "from glowback_trio.client import open_client"),
        ("client", "from glowback_trio.actors import Run"),
        ("testing", "from glowback_trio.cli import main"),
        ("engine", "import trio"),
        ("store", "from trio.lowlevel import checkpoint"),
        ("actors", "import quart"),
        ("server", "from hypercorn.config import Config"),
        ("server", "def view():\n    from glowback_trio.actors import Run"),
        ("engine", "def late():\n    import numpy"),
    ],
)
def test_an_offence_is_seen(room: str, source: str) -> None:
    assert len(offences_in(source, room)) == 1


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("compute", "import trio\nfrom glowback_trio.engine import Simulation"),
        ("serving", "import trio, hypercorn\nfrom glowback_trio.errors import ServingError"),
        ("cli", "def late():\n    import rich"),
    ],
)
def test_what_is_allowed_passes(room: str, source: str) -> None:
    assert offences_in(source, room) == []
