"""What has to pass: `nox` runs the tests, the type checker and the linter, each in its own room."""

from __future__ import annotations

import shutil
import subprocess
import sys

import nox

SUPPORTED = ("3.11", "3.13")
BENCHMARKS = (
    "engine",
    "bar_by_bar",
    "loading",
    "events",
    "fanout",
    "isolation",
    "rest",
    "connections",
)
GROUPS = nox.project.load_toml("pyproject.toml")

nox.options.sessions = ["tests", "typing", "lint"]


def _runs(version: str) -> bool:
    """A version manager's shim lies on the PATH and yet fails, so the interpreter is asked."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return True
    command = shutil.which(f"python{version}")
    if command is None:
        return False
    asked = subprocess.run([command, "-c", ""], capture_output=True, check=False)  # noqa: S603 - a path of our own making
    return asked.returncode == 0


FOUND = [version for version in SUPPORTED if _runs(version)]


def _install(session: nox.Session, group: str) -> None:
    session.install(".", *nox.project.dependency_groups(GROUPS, group))


@nox.session(python=FOUND or False)
def tests(session: nox.Session) -> None:
    """Test the installed package on every supported Python there is."""
    if not FOUND:
        session.error(f"Neither of Python {' and '.join(SUPPORTED)} is found here")
    for version in SUPPORTED:
        if version not in FOUND:
            session.warn(f"Python {version} is not found here, so nothing is tested on it")
    _install(session, "tests")
    session.run("pytest", *session.posargs)


@nox.session
def typing(session: nox.Session) -> None:
    """Check types, strictly."""
    _install(session, "typing")
    session.run("mypy", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*nox.project.dependency_groups(GROUPS, "lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session
def schemathesis(session: nox.Session) -> None:
    """Ask a server for everything its description has, rightly and wrongly; about two minutes."""
    _install(session, "schemathesis")
    session.run("python", "tests/extended/schema_fuzz.py", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Follow runs in a real browser, which has to be installed as /usr/bin/chromium."""
    _install(session, "browser")
    session.run("pytest", "tests/browser", *session.posargs)


@nox.session
def crowds(session: nox.Session) -> None:
    """Hold thousands of clients against a real server, which takes ten thousand open files."""
    _install(session, "tests")
    session.run("pytest", "tests/extended/crowds.py", *session.posargs)


@nox.session
def cuts(session: nox.Session) -> None:
    """Cut streams after every byte, and hold what is resumed against the log; ten minutes."""
    _install(session, "tests")
    session.run("pytest", "tests/extended/cuts.py", *session.posargs)


@nox.session
def control(session: nox.Session) -> None:
    """See the stock server fail where this one must not, so that it is known the tests can."""
    _install(session, "tests")
    session.run("pytest", "tests/extended/control.py", *session.posargs)


@nox.session
def golden(session: nox.Session) -> None:
    """Write the golden results anew, where numbers are meant to change; their diff is to review."""
    _install(session, "tests")
    session.run("python", "tests/engine/test_golden.py", env={"PYTHONPATH": "tests"})


@nox.session
def backtesting_py(session: nox.Session) -> None:
    """Hold the engine against backtesting.py, which is run here and nowhere else."""
    _install(session, "backtesting_py")
    session.run("pytest", "tests/reference_engines/backtesting_py.py", *session.posargs)


@nox.session
def vectorbt(session: nox.Session) -> None:
    """Hold many symbols on one account against vectorbt, which is run here and nowhere else."""
    _install(session, "vectorbt")
    session.run("pytest", "tests/reference_engines/vectorbt_orders.py", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Write faults into a copy of the package, and see the tests find every one of them."""
    _install(session, "tests")
    session.run("python", "tests/extended/mutants.py")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the speed of what has to be fast: everything, or what is named after `--`."""
    _install(session, "bench")
    for name in session.posargs or BENCHMARKS:
        session.run("python", f"benchmarks/{name}.py")
