"""Sessions of nox, each in an environment of its own.

`nox` runs what has to pass before a change is merged: the tests on the oldest and the newest
supported Python, the type checker and the linter. The other sessions run when they are named.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nox

SUPPORTED = ("3.11", "3.13")
BENCHMARKS = (
    "engine",
    "bar_by_bar",
    "loading",
    "events",
    "simulation",
    "optimizations",
    "durable",
    "fanout",
    "isolation",
    "rest",
    "connections",
    "dashboard",
    "live_curve",
    "growth",
    "postgres",
    "cluster",
)
GROUPS = nox.project.load_toml("pyproject.toml")

nox.options.sessions = ["tests", "typing", "lint"]
# uv installs three environments in the time that pip takes for a part of one; either will do.
nox.options.default_venv_backend = "uv|virtualenv"


def _runs(version: str) -> bool:
    """Try whether an interpreter starts: a version manager's shim may be on the PATH and fail."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return True
    command = shutil.which(f"python{version}")
    if command is None:
        return False
    trial = subprocess.run([command, "-c", ""], capture_output=True, check=False)  # noqa: S603 - found on the PATH just now
    return trial.returncode == 0


FOUND = [version for version in SUPPORTED if _runs(version)]


def _install(session: nox.Session, group: str) -> None:
    # Compiling all that a dependency brings takes pip longer than running what is used of it.
    session.install("--no-compile", ".", *nox.project.dependency_groups(GROUPS, group))


@nox.session(python=FOUND or False)
def tests(session: nox.Session) -> None:
    """Test the installed package on every supported Python that is found, on all processors."""
    if not FOUND:
        session.error(f"Neither of Python {' and '.join(SUPPORTED)} is found here")
    for version in SUPPORTED:
        if version not in FOUND:
            session.warn(f"Python {version} is not found here, so nothing is tested on it")
    _install(session, "tests")
    # Work stealing leaves the tests of a module with one worker, so its server starts once.
    session.run("pytest", "--numprocesses=auto", "--dist=worksteal", *session.posargs)


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
    """Send a server valid and invalid requests generated from its OpenAPI document; 2 minutes."""
    _install(session, "schemathesis")
    session.run("python", "tests/extended/schema_fuzz.py", *session.posargs)


@nox.session(venv_backend="none")
def pages(session: nox.Session) -> None:
    """Check the types of the dashboard's scripts, with a TypeScript that npx fetches."""
    if shutil.which("npx") is None:
        session.skip("npx is not installed, which fetches TypeScript")
    compiler = ("npx", "--yes", "--package", "typescript@5.9.3", "tsc")
    session.run(*compiler, "--project", "tests/browser", *session.posargs, external=True)


@nox.session
def browser(session: nox.Session) -> None:
    """Use pages and streams in a real browser, which must be installed as /usr/bin/chromium."""
    _install(session, "browser")
    session.run("pytest", "tests/browser", *session.posargs)


@nox.session
def screens(session: nox.Session) -> None:
    """Take the pictures in docs/screens/ anew, of all pages or of those named; look at them."""
    _install(session, "browser")
    environment = {"PYTHONPATH": "tests"}
    session.run("python", "tests/browser/screens.py", *session.posargs, env=environment)


@nox.session
def notebooks(session: nox.Session) -> None:
    """Execute the notebooks of examples/notebooks, and test what a notebook shows."""
    _install(session, "notebooks")
    session.run("pytest", "tests/notebook", *session.posargs)


@nox.session
def abuse(session: nox.Session) -> None:
    """Do to a server what must harm nobody else, and state what each costs; half an hour."""
    _install(session, "tests")
    modules = sorted(map(str, Path("tests/extended/abuse").glob("*.py")))
    modules.remove("tests/extended/abuse/conftest.py")
    session.run("pytest", *modules, *session.posargs)


@nox.session
def crowds(session: nox.Session) -> None:
    """Connect thousands of clients to a real server, which takes ten thousand open files."""
    _install(session, "tests")
    session.run("pytest", "tests/extended/crowds.py", *session.posargs)


@nox.session
def requests(session: nox.Session) -> None:
    """Send twenty thousand changed requests and compare what is read with h11; some minutes."""
    _install(session, "tests")
    session.run("pytest", "tests/extended/requests.py", *session.posargs)


@nox.session
def cuts(session: nox.Session) -> None:
    """Cut streams after every byte and compare what is resumed with the log; 10 minutes."""
    _install(session, "tests")
    session.run("pytest", "tests/extended/cuts.py", *session.posargs)


@nox.session
def kills(session: nox.Session) -> None:
    """Kill servers two hundred and fifty times, and compare their files with what clients know."""
    _install(session, "tests")
    both = ("tests/extended/kills.py", "tests/extended/optimization_kills.py")
    session.run("pytest", *both, *session.posargs)


@nox.session
def cluster_seeds(session: nox.Session) -> None:
    """Play a thousand rounds of gateways that share a store, in virtual time; some ten minutes."""
    _install(session, "tests")
    session.run("pytest", "tests/extended/cluster_seeds.py", *session.posargs)


@nox.session
def same_logs(session: nox.Session) -> None:
    """Compare logs of random requests on every backend and store; some minutes."""
    _install(session, "tests")
    session.run("pytest", "tests/extended/same_logs.py", *session.posargs)


@nox.session
def ray(session: nox.Session) -> None:
    """Compute on a real Ray cluster of two nodes, and kill parts of it; ten minutes, 700 MB."""
    _install(session, "ray")
    modules = sorted(map(str, Path("tests/extended/on_ray").glob("[!c]*.py")))
    session.run("pytest", *modules, *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Do to a server all that clients do, for ten minutes or as many seconds as are given."""
    _install(session, "tests")
    environment = {"PYTHONPATH": "tests"}
    session.run("python", "tests/extended/soak.py", *session.posargs, env=environment)


@nox.session
def chaos(session: nox.Session) -> None:
    """Let gateways of a cluster, their database and their links fail; 100 rounds, an hour."""
    _install(session, "tests")
    environment = {"PYTHONPATH": "tests"}
    session.run("python", "tests/extended/chaos.py", *session.posargs, env=environment)


@nox.session
def workers(session: nox.Session) -> None:
    """Kill a worker at every moment of a run, cancel a run at every step; some minutes."""
    _install(session, "tests")
    session.run("pytest", "tests/extended/workers.py", *session.posargs)


@nox.session
def disk_faults(session: nox.Session) -> None:
    """Let the disk fail or be late at every operation of a gateway's life; ten minutes."""
    _install(session, "tests")
    session.run("pytest", "tests/extended/disk_faults.py", *session.posargs)


@nox.session
def power_cuts(session: nox.Session) -> None:
    """Cut the power after every operation on a store's files, several times; ten minutes."""
    _install(session, "tests")
    session.run("pytest", "tests/extended/power_cuts.py", *session.posargs)


@nox.session
def control(session: nox.Session) -> None:
    """See the stock server fail where this one must not: a proof that the tests can fail."""
    _install(session, "tests")
    session.run("pytest", "tests/extended/control.py", *session.posargs)


@nox.session
def golden(session: nox.Session) -> None:
    """Rewrite the golden results for a change that is meant to change them; review the diff."""
    _install(session, "tests")
    session.run("python", "tests/engine/test_golden.py", env={"PYTHONPATH": "tests"})


@nox.session
def api(session: nox.Session) -> None:
    """Rewrite docs/api.md, the API reference, from the docstrings of the code."""
    _install(session, "tests")
    session.run("python", "tests/test_api_page.py", env={"PYTHONPATH": "tests"})


@nox.session
def pictures(session: nox.Session) -> None:
    """Rewrite docs/timeline.svg, the picture of a finding, from the program in docs/testing.md."""
    _install(session, "tests")
    session.run("python", "tests/testing/test_timeline.py", env={"PYTHONPATH": "tests"})


@nox.session
def backtesting_py(session: nox.Session) -> None:
    """Compare the engine with backtesting.py, which is installed for this session only."""
    _install(session, "backtesting_py")
    session.run("pytest", "tests/reference_engines/backtesting_py.py", *session.posargs)


@nox.session
def vectorbt(session: nox.Session) -> None:
    """Compare many symbols on one account with vectorbt, which is installed for this only."""
    _install(session, "vectorbt")
    session.run("pytest", "tests/reference_engines/vectorbt_orders.py", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Write faults into a copy of the package and see that the tests find every one."""
    _install(session, "tests")
    session.run("python", "tests/extended/mutants.py")


@nox.session
def planted(session: nox.Session) -> None:
    """Find thirty planted bugs with every strategy, and write their table; five minutes."""
    _install(session, "tests")
    session.run("python", "tests/extended/planted.py", env={"PYTHONPATH": "tests"})


@nox.session
def numpy_versions(session: nox.Session) -> None:
    """Compare whole results, digit by digit, between versions of numpy."""
    session.install("--no-compile", ".")
    digests = {}
    for version in ("==1.26.4", "==2.0.2", "==2.1.3", ">2.1.3"):
        session.install("--upgrade", f"numpy{version}")
        digests[version] = session.run("python", "tests/extended/digits.py", silent=True)
    if len(set(digests.values())) > 1:
        session.error(f"Results differ between versions of numpy: {digests}")


@nox.session
def interval_coverage(session: nox.Session) -> None:
    """Measure how often the bootstrap's intervals hold the truth; some 15 minutes."""
    session.install("--no-compile", ".")
    session.run("python", "benchmarks/interval_coverage.py", *session.posargs)


@nox.session
def honesty(session: nox.Session) -> None:
    """Measure how often noise and planted edges qualify as more than luck; some 20 minutes."""
    session.install("--no-compile", ".")
    session.run("python", "benchmarks/honesty.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed: all benchmarks, or those named after `--`.

    `--check` compares their ratios with the committed ones, `--record` writes new ones.
    """
    _install(session, "bench")
    session.env["PYTHONPATH"] = "tests"  # real databases and gateways are started as for tests
    named = [name for name in session.posargs if not name.startswith("--")] or BENCHMARKS
    if "--check" in session.posargs:
        session.run("python", "benchmarks/check.py", *named)
    elif "--record" in session.posargs:
        session.run("python", "benchmarks/check.py", "--record", *named)
    else:
        for name in named:
            session.run("python", f"benchmarks/{name}.py")
