"""The package as text: its modules, what each imports, and where imports go in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from attrs import frozen

import glowback_trio

__all__ = ["HOUSE", "House", "Import", "circles", "folders", "imports_of", "module_name"]

#: Path of a module below the package -> its source.
House: TypeAlias = Mapping[str, str]

_PACKAGE = Path(glowback_trio.__file__).parent
_NAME = "glowback_trio"

HOUSE: House = {
    path.relative_to(_PACKAGE).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(_PACKAGE.rglob("*.py"))
}


@frozen
class Import:
    """One imported module.

    Attributes:
        importer: Path of the module that has the statement.
        target: What is imported, without the package's name when it is one of ours.
        is_ours: True if it is a module of the package.
        line: Where the statement stands.
        is_late: True if it stands inside a function.
    """

    importer: str
    target: str
    is_ours: bool
    line: int
    is_late: bool

    @property
    def place(self) -> str:
        """File and line, as editors understand them."""
        return f"{self.importer}:{self.line}"


def module_name(path: str) -> str:
    """Return the dotted name of a module below the package, whose own name is `""`."""
    return path.removesuffix(".py").removesuffix("__init__").strip("/").replace("/", ".")


def folders(house: House) -> dict[str, list[str]]:
    """List the modules that lie in each folder; the package itself is `""`."""
    found: dict[str, list[str]] = {}
    for path in house:
        parent = PurePosixPath(path).parent.as_posix()
        found.setdefault("" if parent == "." else parent, []).append(path)
    return found


def imports_of(house: House) -> Iterator[Import]:
    """Find every import, wherever it stands: type-only and late ones included."""
    modules = frozenset(map(module_name, house))
    for path, source in house.items():
        for target, line, is_late in _imports_in(source):
            package, _, rest = target.partition(".")
            ours = package == _NAME
            yield Import(path, _module(rest, modules) if ours else target, ours, line, is_late)


@cache  # several rules read the same files
def _imports_in(source: str) -> list[tuple[str, int, bool]]:
    tree = ast.parse(source)
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    late = {id(n) for f in ast.walk(tree) if isinstance(f, functions) for n in ast.walk(f)}
    return [
        (target, node.lineno, id(node) in late)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for target in _targets(node)
    ]


def _targets(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level:
        return [_NAME]  # a relative import does not say which floor it reaches, so it is refused
    return [f"{node.module}.{alias.name}" for alias in node.names]


def _module(target: str, modules: frozenset[str]) -> str:
    """Cut what is imported from a module off its name: `data.Source` is `data`."""
    while target not in modules:
        target = target.rpartition(".")[0]
    return target


def circles(house: House, folder: str) -> list[str]:
    """Find the modules and folders of one folder that import each other in a circle.

    Returns:
        The circle that is found first, as a path that ends where it began; none if there is none.
    """
    graph: dict[str, set[str]] = {}
    for each in imports_of(house):
        here, there = _child(module_name(each.importer), folder), _child(each.target, folder)
        if each.is_ours and here and there and here != there:
            graph.setdefault(here, set()).add(there)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _child(module: str, folder: str) -> str | None:
    """Return the part of a folder that a module belongs to; None if it lies elsewhere."""
    above = folder.replace("/", ".")
    if module == above:
        return "__init__"
    if above and not module.startswith(f"{above}."):
        return None
    return module.removeprefix(f"{above}.").partition(".")[0]
