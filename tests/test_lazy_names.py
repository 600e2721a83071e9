"""What `import glowback_trio` costs and what it gives.

The package and its testing kit import a name when it is first used. The table that Python reads,
the imports that type checkers read and `__all__` must therefore agree, and a fresh interpreter must
not have loaded what nothing has used yet.
"""

from __future__ import annotations

import ast
import pydoc
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import glowback_trio
import glowback_trio.testing
from glowback_trio.lazy import lazy_names

PACKAGES = [glowback_trio, glowback_trio.testing]
PARENT = Path(glowback_trio.__file__).parents[1]
packages = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)


def run_python(program: str) -> str:
    """Run a program in a fresh interpreter and return what it printed."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(PARENT)},
        check=True,
    ).stdout.strip()


def loaded_by(statement: str, *, after: str = "") -> set[str]:
    """Return the distributions' top-level modules that a statement loads, ours as full names."""
    listing = "print(*set(sys.modules) - before)"
    program = f"import sys\n{after}\nbefore = set(sys.modules)\n{statement}\n{listing}"
    modules = run_python(program).split()
    tops = {name if name.startswith("glowback_trio") else name.split(".")[0] for name in modules}
    return tops - sys.stdlib_module_names


def type_checked_imports(package: ModuleType) -> dict[str, str]:
    """Read name -> module from the imports that only type checkers see."""

    def conditional(tree: ast.Module) -> Iterator[ast.ImportFrom]:
        for node in tree.body:
            if isinstance(node, ast.If):
                yield from (each for each in node.body if isinstance(each, ast.ImportFrom))

    assert package.__file__ is not None
    found = conditional(ast.parse(Path(package.__file__).read_text()))
    return {alias.name: str(node.module) for node in found for alias in node.names}


@packages
def test_type_checkers_and_python_see_the_same_objects(package: ModuleType) -> None:
    for name, module in type_checked_imports(package).items():
        assert getattr(package, name) is getattr(import_module(module), name)


@packages
def test_all_names_are_listed_and_no_other(package: ModuleType) -> None:
    assert set(package.__all__) - {"__version__"} == type_checked_imports(package).keys()
    shown = {name for name in dir(package) if not re.fullmatch("__.+__", name)}
    assert set(package.__all__) - {"__version__"} == shown
    assert set(package.__all__) <= set(dir(package))
    # As ruff sorts them (RUF022): constants come first.
    assert sorted(package.__all__, key=lambda name: (not name.isupper(), name)) == package.__all__


@packages
def test_a_wrong_name_is_an_attribute_error(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'no'"):
        package.no  # noqa: B018 - the access is the test


@packages
def test_help_shows_every_name(package: ModuleType) -> None:
    page = pydoc.plain(pydoc.render_doc(package))
    assert [name for name in type_checked_imports(package) if name not in page] == []


@packages
def test_a_star_import_gives_every_name(package: ModuleType) -> None:
    program = f"from {package.__name__} import *\nprint(*globals())"
    assert set(package.__all__) <= set(run_python(program).split())


def test_a_name_is_kept_once_it_is_imported() -> None:
    package = ModuleType("shelf")
    sys.modules["shelf"] = package
    try:
        get_attribute, list_names = lazy_names("shelf", {"json": ["loads"]})
    finally:
        del sys.modules["shelf"]
    assert "loads" in list_names()
    assert "loads" not in vars(package)
    assert get_attribute("loads") is vars(package)["loads"]


def test_a_value_can_be_pickled_and_read_where_nothing_was_imported_before() -> None:
    written = run_python(
        "import pickle\n"
        "from glowback_trio import MaCrossover, open_gateway\n"
        "print(pickle.dumps((MaCrossover(short_period=3), open_gateway)).hex())"
    )
    read = run_python(f"import pickle\nprint(pickle.loads(bytes.fromhex('{written}'))[0])")
    assert read.startswith("MaCrossover(short_period=3")


def test_importing_the_package_imports_nothing_outside_the_standard_library() -> None:
    assert loaded_by("import glowback_trio") == {
        "glowback_trio",
        "glowback_trio.lazy",
        "glowback_trio.version",
    }


@pytest.mark.parametrize("module", ["glowback_trio.testing", "glowback_trio.testing.sim"])
def test_the_trio_parts_of_the_testing_kit_import_trio_and_the_standard_library_only(
    module: str,
) -> None:
    loaded = loaded_by(
        f"from {module} import cancel_at_every_step, seeded_schedule",
        after="import trio, trio.testing",
    )
    allowed = ("glowback_trio.testing", "glowback_trio.lazy", "glowback_trio.version")
    assert {name for name in loaded if not name.startswith(allowed)} == {"glowback_trio"}
    assert "glowback_trio.testing.gateway" not in loaded


def test_a_gateway_with_a_store_in_memory_needs_no_sqlite() -> None:
    loaded = loaded_by("from glowback_trio import MemoryStore, open_gateway")
    assert loaded & {"apsw", "sqlite3", "glowback_trio.store.sqlite"} == set()


def test_the_embedding_api_leaves_the_web_and_the_terminal_out() -> None:
    heavy = {"quart", "quart_trio", "hypercorn", "cyclopts", "rich", "structlog", "httpx2"}
    assert loaded_by("from glowback_trio import *") & heavy == set()
