"""`--strategies`: which modules it finds, what it accepts, and how it reports an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import trio

MODULE = '''
from typing import ClassVar

from attrs import frozen

from glowback_trio import BarStrategy, Context, OnBar


@frozen
class Once(BarStrategy):
    """Buy once."""

    name: ClassVar[str] = "once"
    title: ClassVar[str] = "Once"

    units: float = 2.0

    def start(self) -> OnBar:
        def on_bar(context: Context) -> None:
            if context.count("AAPL") == 1:
                context.order("AAPL", self.units)

        return on_bar


@frozen
class Other(Once):
    """Buy once, too."""

    name: ClassVar[str] = "other"


ALL = [Once, Other]
NUMBER = 3
'''

RUN = (
    "run",
    *("--data", "demo", "--symbols", "AAPL", "--start", "2020-01-01", "--end", "2020-02-01"),
    *("--strategy", "once", "--param", "units=4", "--json"),
)


@pytest.fixture(autouse=True)
def module(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "empty.py").write_text("from glowback_trio import BarStrategy\n")
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    (tmp_path / "wrong.py").write_text("1 / 0\n")


@pytest.mark.parametrize("path", ["mine:Once", "mine:ALL", "mine:Once, mine:Other"])
def test_run_finds_modules_in_the_current_directory(glowback: Any, path: str) -> None:
    done = glowback(*RUN, "--strategies", path)
    assert done.stderr == ""
    assert [trade["shares"] for trade in orjson.loads(done.stdout)["trades"]] == [4.0]


def test_the_environment_may_set_it_and_the_flag_may_be_repeated(glowback: Any) -> None:
    assert glowback(*RUN, GLOWBACK_STRATEGIES="mine:Once,mine:Other").returncode == 0
    repeated = ("--strategies", "mine:Other", "--strategies", "mine:Once")
    assert glowback(*RUN, *repeated).returncode == 0


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("mine", "Input should be MODULE:ATTRIBUTE, not 'mine'"),
        ("mine:Onec", "mine has no attribute 'Onec'; did you mean 'Once'?"),
        ("mine:Nope", "mine has no attribute 'Nope'; known: ALL, Once, Other"),
        ("empty:Once", "empty has no attribute 'Once'; it has no strategies at all"),
        ("mine:NUMBER", "a strategy is a class derived from BarStrategy or TargetStrategy, not 3"),
        ("mine:Once,mine:ALL", "Once: the name 'once' is taken by Once"),
        ("nowhere:Once", "No module 'nowhere' in the current directory or among the installed"),
        ("mine.deeper:Once", "No module 'mine.deeper' in"),
        ("broken:Once", "broken cannot be imported: ModuleNotFoundError: No module named 'nothing"),
        ("wrong:Once", "wrong cannot be imported: ZeroDivisionError: division by zero"),
    ],
)
def test_an_import_that_fails_is_one_line_and_2(glowback: Any, path: str, message: str) -> None:
    done = glowback(*RUN, "--strategies", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --strategies: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_server_does_not_start_if_an_import_fails(glowback: Any) -> None:
    done = glowback("serve", "--port", "0", "--strategies", "mine:Nothing")
    assert done.returncode == 2
    assert "mine has no attribute 'Nothing'" in done.stderr
    done = glowback("serve", "--port", "0", GLOWBACK_STRATEGIES="mine")
    assert done.returncode == 2
    assert done.stderr.startswith("error: GLOWBACK_STRATEGIES.0: ")


LOUD = '''
from mine import *

print("imported loudly")


@frozen
class Loud(Once):
    """Print at every bar."""

    name: ClassVar[str] = "loud"

    def start(self) -> OnBar:
        print("started loudly")
        return lambda context: print("at a bar")


@frozen
class Fails(Once):
    """Fail at the first bar."""

    name: ClassVar[str] = "fails"

    def start(self) -> OnBar:
        return failing_function


def failing_function(context: Context) -> None:
    print("before it fails")
    {}["no key"]
'''


def test_what_a_strategy_prints_is_not_in_the_output(glowback: Any, tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    command = [*RUN[:-4], "loud", "--json", "--strategies", "loud:Loud"]
    done = glowback(*command)
    assert done.returncode == 0
    assert orjson.loads(done.stdout)["trades"] == []
    assert done.stderr.startswith("imported loudly\nstarted loudly\nat a bar\nat a bar\n")


def test_a_failing_strategy_prints_its_traceback_once(glowback: Any, tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    command = [*RUN[:-4], "fails", "--json", "--strategies", "loud:Fails"]
    done = glowback(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("Traceback (most recent call last)") == 1
    assert ', in failing_function\n    {}["no key"]\n' in done.stderr
    *_, last = done.stderr.splitlines()
    assert last.startswith("error: Run failed: fails failed at the bar of 2020-01-02")
    assert "before it fails\n" in done.stderr


LEAVING = '''
import sys
from typing import ClassVar

from attrs import frozen
from glowback_trio import BarStrategy, Context, OnBar


@frozen
class Leaves(BarStrategy):
    """Ends the program instead of the backtest."""

    name: ClassVar[str] = "leaves"
    title: ClassVar[str] = "Leaves"

    def start(self) -> OnBar:
        return lambda context: sys.exit()
'''


def test_a_strategy_that_exits_fails_with_a_sentence(glowback: Any, tmp_path: Path) -> None:
    (tmp_path / "leaving.py").write_text(LEAVING)
    done = glowback(*RUN[:-4], "leaves", "--strategies", "leaving:Leaves")
    *_, last = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert last == "error: Run failed: leaves failed at the bar of 2020-01-02: SystemExit"


def test_a_module_that_exits_is_not_imported(glowback: Any, tmp_path: Path) -> None:
    (tmp_path / "leaving.py").write_text("raise SystemExit(0)")
    done = glowback(*RUN[:-4], "leaves", "--strategies", "leaving:Leaves")
    sentence = "error: --strategies: leaving cannot be imported: SystemExit: 0\n"
    assert (done.returncode, done.stderr) == (2, sentence)


SERVED = ("--strategies", "mine:Once", "--strategies", "mine:Other")


@pytest.mark.parametrize("own_server", [SERVED], indirect=True)
async def test_a_server_lists_and_runs_custom_strategies(own_server: Any) -> None:
    key = {"X-API-Key": "second"}
    async with httpx2.AsyncClient(base_url=own_server.url, headers=key) as client:
        names = [each["name"] for each in (await client.get("/strategies")).json()]
        run_id = await own_server.submit(strategy={"name": "other", "params": {"units": 7}})
        with trio.fail_after(30):
            lines = await client.get(
                f"/backtests/{run_id}/events", headers={"Accept": "text/event-stream"}
            )
    assert names[-2:] == ["once", "other"]
    assert '"shares":7.0' in lines.text
    assert '"state":"completed"' in lines.text


@pytest.fixture
def loud(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(LOUD)


@pytest.mark.usefixtures("loud")
@pytest.mark.parametrize("own_server", [("--strategies", "loud:Fails")], indirect=True)
async def test_a_server_logs_the_traceback_and_sends_the_sentence(
    own_server: Any, tmp_path: Path
) -> None:
    key = {"X-API-Key": "second"}
    async with httpx2.AsyncClient(base_url=own_server.url, headers=key) as client:
        run_id = await own_server.submit(strategy={"name": "fails"})
        with trio.fail_after(30):
            lines = await client.get(
                f"/backtests/{run_id}/events", headers={"Accept": "text/event-stream"}
            )
        result = await client.get(f"/backtests/{run_id}/results")
    assert "fails failed at the bar of" in lines.text
    log = (tmp_path / "serve.log").read_text()
    assert f"Run {run_id} failed: fails failed at the bar of" in log
    assert ", in failing_function" in log
    assert "imported loudly" in log
    assert "before it fails" in log
    for sent in (lines.text, result.text):
        assert "failing_function" not in sent
        assert "Traceback" not in sent
