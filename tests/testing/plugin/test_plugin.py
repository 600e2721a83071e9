"""The plugin for pytest.

Doctrine: a real pytest runs the tests of a project in an empty directory, with the plugins named
and no other. What a user reads is compared, and what is kept on the disk.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.pytest_project import PLUGIN, Project

LOST_UPDATE = """
    class Account:
        def __init__(self):
            self.balance = 0

        async def pay_in(self, amount):
            before = self.balance
            await trio.lowlevel.checkpoint()
            self.balance = before + amount


    @pytest.fixture
    def account():
        return Account()


    @pytest.mark.simulated(rounds=50, strategy="pct")
    async def test_both_arrive(account):
        print("begun")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(account.pay_in, 1)
            for _ in range(4):
                await trio.lowlevel.checkpoint()
            await account.pay_in(2)
        assert account.balance == 3
"""
MENDED = LOST_UPDATE.replace(
    "            before = self.balance\n            await trio.lowlevel.checkpoint()\n",
    "            await trio.lowlevel.checkpoint()\n            before = self.balance\n",
)
REWRITTEN = MENDED.replace("await account.pay_in(2)", "account.balance += 2")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_failure_is_a_page_without_a_line_of_trio_or_pytest(project: Project) -> None:
    project.write(LOST_UPDATE)
    done = project.run()
    assert (done.code, done.counts) == (1, {"failed": 1})
    page = done.text
    assert "The scenario raises AssertionError: assert 1 == 3" in page or "assert 2 == 3" in page
    assert "runs first, of 2 ready tasks" in page
    assert "It was raised here:\n  test_it.py:" in page
    assert "      assert account.balance == 3\n" in page
    assert f"    pytest -p {PLUGIN} test_it.py::test_both_arrive --sim-replay sim1_pct_0" in page
    assert "kept in .sim-regressions/test_it.py_test_both_arrive-" in page
    assert "site-packages" not in page
    assert page.count("begun\n") == 1  # what one round has printed, not every round's


def test_a_finding_is_kept_and_tried_first(project: Project) -> None:
    project.write(LOST_UPDATE)
    found = project.run().tokens
    assert project.kept() == found
    again = project.run("--sim-rounds", "1")  # the first round is the default, and passes
    assert again.tokens == found
    assert "is tried first" in again.text
    project.write(MENDED)
    assert project.run().counts == {"passed": 1}


def test_a_kept_token_that_fits_no_more_is_dropped_with_a_word(project: Project) -> None:
    project.write(LOST_UPDATE)
    (token,) = project.run().tokens
    project.write(REWRITTEN)
    done = project.run()
    assert done.counts == {"passed": 1}
    assert f"test_it.py::test_both_arrive: dropped {token} from .sim-regressions/" in done.text
    assert "the token does not fit the program" in done.text
    assert project.kept() == []
    assert "dropped" not in project.run().text


def test_a_token_is_replayed_in_the_test_that_is_named(project: Project) -> None:
    project.write(LOST_UPDATE)
    (token,) = project.run().tokens
    node = "test_it.py::test_both_arrive"
    failed = project.run(node, "--sim-replay", token)
    assert (failed.code, failed.tokens) == (1, [token])
    project.write(REWRITTEN)
    assert "the token does not fit the program" in project.run(node, "--sim-replay", token).text
    damaged = project.run(node, "--sim-replay", token[:-1])
    assert "the token is damaged" in damaged.text
    assert "Traceback" not in damaged.text
    project.write(LOST_UPDATE, "test_other.py")
    several = project.run("--sim-replay", token)
    assert several.code == pytest.ExitCode.USAGE_ERROR
    assert "--sim-replay takes one simulated test, and 2 are selected" in several.text


def test_the_seed_and_the_rounds_can_be_given(project: Project) -> None:
    project.write(LOST_UPDATE)
    assert "_pct_7_" in project.run("--sim-seed", "7").tokens[0]
    for each in project.directory.glob(".sim-regressions/*"):
        each.unlink()
    assert project.run("--sim-rounds", "1").counts == {"passed": 1}
    refused = project.run("--sim-rounds", "0")
    assert refused.code == pytest.ExitCode.USAGE_ERROR
    assert "--sim-rounds: must be a whole number from 1, and is '0'" in refused.text


def test_every_round_has_fixtures_and_an_object_of_its_own(project: Project) -> None:
    project.write(
        """
        made = []
        wide = []


        @pytest.fixture(scope="module")
        def once():
            wide.append(1)
            return wide


        @pytest.fixture
        def plain(request, once):
            request.addfinalizer(lambda: made.append("finalizer"))
            made.append("plain")
            yield []
            made.append("plain down")


        @pytest.fixture(params=[1, 2])
        async def later(request, plain):
            await trio.sleep(1)
            made.append("later")
            yield request.param, plain
            await trio.sleep(1)
            made.append("later down")


        class TestRounds:
            def setup_method(self):
                self.items = []

            @pytest.fixture
            def own(self):
                self.items.append("own")
                return self

            @pytest.mark.simulated(rounds=3)
            async def test_fresh(
                self, later, plain, own, once, tmp_path, monkeypatch, caplog, request
            ):
                assert made[-2:] == ["plain", "later"]
                assert later[1] is plain and plain == [] and once == [1]
                assert own is self is request.instance and self.items == ["own"]
                assert request.getfixturevalue("plain") is plain
                assert list(tmp_path.iterdir()) == [] and not hasattr(trio, "mark")
                assert caplog.records == []
                monkeypatch.setattr(trio, "mark", 1, raising=False)
                plain.append(1)
                self.items.append(2)
                (tmp_path / "file").write_text("")
                __import__("logging").warning("said")


        def test_order():
            one = ["plain", "later", "later down", "plain down", "finalizer"]
            assert made == one * 6
        """
    )
    done = project.run()
    assert done.counts == {"passed": 3}, done.text


def test_fixtures_are_taken_down_whole_where_the_test_is_cancelled(project: Project) -> None:
    project.write(
        """
        open_now = []
        ended = []


        @pytest.fixture
        async def connection():
            open_now.append(1)
            yield
            await trio.sleep(1)
            open_now.pop()


        @pytest.mark.simulated(rounds=30, faults=["cancel"])
        async def test_cancelled(connection):
            await trio.sleep(1)
            await trio.sleep(1)
            ended.append(1)


        def test_after():
            assert open_now == [] and 0 < len(ended) < 30
        """
    )
    done = project.run()
    assert done.counts == {"passed": 2}, done.text


def test_a_fixture_that_crashes_or_cancels_is_what_the_page_tells(project: Project) -> None:
    project.write(
        """
        @pytest.fixture
        async def crashing():
            async def crash():
                raise ZeroDivisionError("in the background")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(crash)
                yield


        @pytest.fixture
        async def cancelling():
            with trio.move_on_after(1):
                yield


        @pytest.fixture
        async def both():
            yield
            raise ValueError("while taken down")


        @pytest.mark.simulated
        async def test_crash(crashing):
            await trio.sleep_forever()


        @pytest.mark.simulated
        async def test_cancel(cancelling):
            await trio.sleep_forever()


        @pytest.mark.simulated
        async def test_both(both):
            pytest.fail("in the test")
        """
    )
    done = project.run()
    assert done.counts == {"failed": 3}
    assert "ZeroDivisionError: in the background\n  raised here:\n  test_it.py:" in done.text
    assert "a cancel scope of a fixture cancelled the test and nothing says so" in done.text
    assert "FailedError: in the test\n" in done.text
    assert "ValueError: while taken down\n" in done.text


def test_what_pytest_knows_of_tests_holds_for_simulated_ones(project: Project) -> None:
    project.write(
        """
        pytestmark = pytest.mark.simulated(rounds=5)


        def test_plain():
            pass


        @pytest.mark.parametrize("number", [1, 2])
        async def test_numbers(number):
            assert number


        async def test_skipped():
            async with trio.open_nursery():
                pytest.skip("not here")


        @pytest.mark.skip
        async def test_marked():
            raise AssertionError


        @pytest.mark.xfail(raises=ZeroDivisionError, strict=True)
        async def test_expected():
            1 / 0


        async def test_expected_late():
            pytest.xfail("one day")


        async def test_deadlock():
            await trio.Event().wait()


        async def test_never_reached():
            pass
        """
    )
    done = project.run("-x")
    assert done.counts == {"failed": 1, "passed": 3, "skipped": 2, "xfailed": 2}
    assert "test_it.test_deadlock waits at " in done.text


WRONG = [
    ("simulated(round=3)", "simulated does not take 'round': did you mean rounds?"),
    ("simulated(zzz=3)", "simulated does not take 'zzz': it takes rounds, strategy, faults,"),
    ("simulated(200)", "simulated takes named arguments only, and is given (200,)"),
    ("simulated(rounds=0)", "rounds of simulated must be a whole number from 1, and is 0"),
    ("simulated(strategy='best')", "must be one of random, pct, exhaustive, and is 'best'"),
    ("simulated(faults='cancel')", "faults of simulated must be a list, as in faults=['cancel']"),
    ("simulated(faults=['cut'])", "what stands in faults of simulated must be one of cancel,"),
    ("simulated(allow=['files'])", "must be one of clock, entropy, sockets, and one is 'files'"),
]


def test_a_wrong_marker_is_an_error_that_says_what_to_do(project: Project) -> None:
    tests = [
        f"@pytest.mark.{marker}\nasync def test_{number}(): pass\n"
        for number, (marker, _) in enumerate(WRONG)
    ]
    project.write(
        "\n".join(tests)
        + """
@pytest.mark.simulated
def test_plain():
    pass


@pytest.fixture(scope="module")
async def wide():
    yield


@pytest.mark.simulated
async def test_wide(wide):
    pass
"""
    )
    done = project.run()
    assert done.counts == {"errors": len(WRONG) + 2}
    for _, sentence in WRONG:
        assert sentence in done.text
    assert "test_plain is marked simulated and is not async" in done.text
    assert "takes the async fixture 'wide' of scope 'module'" in done.text


BESIDE = """
    import anyio


    @pytest.fixture
    async def channel():
        sender, receiver = anyio.create_memory_object_stream(5)
        async with sender, receiver:
            yield sender, receiver


    @pytest.mark.simulated(rounds=20)
    async def test_anyio_program(channel):
        sender, receiver = channel
        async with anyio.create_task_group() as group:
            group.start_soon(sender.send, 1)
            assert await receiver.receive() == 1
        with anyio.move_on_after(100) as scope:
            await anyio.sleep_forever()
        assert scope.cancelled_caught
"""


@pytest.mark.parametrize(
    "words", [(), ("-o", "trio_mode=true"), ("-o", "anyio_mode=auto")], ids=["off", "trio", "anyio"]
)
@pytest.mark.parametrize("order", [1, -1], ids=["first", "last"])
def test_other_plugins_for_async_tests_leave_simulated_ones_alone(
    project: Project, words: tuple[str, ...], order: int
) -> None:
    project.plugins = (PLUGIN, "pytest_trio.plugin", "anyio.pytest_plugin")[::order]
    source = (
        BESIDE
        + """

    @pytest.mark.trio
    @pytest.mark.simulated(rounds=5)
    async def test_also_marked_trio(nursery, autojump_clock):
        nursery.start_soon(trio.sleep_forever)
        await trio.sleep(3600)
        assert trio.current_time() == 3600


    @pytest.mark.MARK
    async def test_theirs(channel):
        await channel[0].send(1)
"""
    )
    # A test that both of them claim is run by both, so it is marked for the one that has no mode.
    mark = "usefixtures()" if words else "trio"
    project.write(source.replace("MARK", mark))
    done = project.run(*words)
    assert done.counts["passed"] == (4 if "anyio_mode=auto" in words else 3), done.text


def test_a_test_for_several_loops_is_simulated_on_trio_only(project: Project) -> None:
    project.plugins = (PLUGIN, "anyio.pytest_plugin")
    project.write(BESIDE.replace("@pytest.mark.sim", "@pytest.mark.anyio\n    @pytest.mark.sim"))
    done = project.run()
    assert done.counts["passed"] == 1, done.text
    assert done.counts["deselected"] >= 1


def test_processes_of_xdist_report_and_keep_what_one_would(project: Project) -> None:
    project.plugins = (PLUGIN, "xdist")
    project.write(LOST_UPDATE)
    project.write(LOST_UPDATE, "test_other.py")
    done = project.run("-n", "2")
    assert done.counts == {"failed": 2}
    assert sorted(project.kept()) == sorted(done.tokens)
    assert "It was raised here:" in done.text
    project.write(REWRITTEN)
    assert "dropped sim1_pct" in project.run("-n", "2", "test_it.py").text


def test_the_plugin_can_be_named_in_a_conftest(project: Project) -> None:
    (project.directory / "conftest.py").write_text(f"pytest_plugins = [{PLUGIN!r}]\n")
    project.plugins = ("no:doctest",)
    project.write(LOST_UPDATE)
    assert "    pytest test_it.py::test_both_arrive --sim-replay " in project.run().text
