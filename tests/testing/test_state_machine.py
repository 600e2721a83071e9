"""State machines with async rules.

Doctrine: hypothesis makes the data few and the kit the schedule, so a fault that needs both is told
with both; whatever hypothesis offers to plain machines (bundles, preconditions, initializing rules)
holds for async ones.
"""

# mypy: disable-error-code="arg-type, override"
# The types of hypothesis's decorators know plain rules only.

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import trio
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

import glowback_trio
from glowback_trio.testing.sim import DeadlockError
from glowback_trio.testing.state_machine import TrioStateMachine

FEW = settings(max_examples=15, stateful_step_count=6, deadline=None, database=None)


class Account:
    def __init__(self) -> None:
        self.balance = 0

    async def pay_in(self, amount: int) -> None:
        before = self.balance
        await trio.lowlevel.checkpoint()
        self.balance = before + amount


class Bank(TrioStateMachine):
    accounts: Bundle[Account] = Bundle("accounts")

    def __init__(self) -> None:
        super().__init__()
        self.open_accounts: list[Account] = []
        self.total = 0

    @initialize()
    async def begin(self) -> None:
        await trio.sleep(1)
        self.has_begun = True

    @rule(target=accounts)
    async def open_two(self) -> MultipleResults[Account]:
        await trio.sleep(1)
        new = [Account(), Account()]
        self.open_accounts += new
        return multiple(*new)

    @precondition(lambda self: self.open_accounts)
    @rule(account=accounts, amount=st.integers(1, 9))
    async def pay_in(self, account: Account, amount: int) -> None:
        assert account in self.open_accounts
        self.total += amount
        await account.pay_in(amount)

    @precondition(lambda self: len(self.open_accounts) > 1)
    @rule(account=consumes(accounts))
    def close(self, account: Account) -> None:
        self.open_accounts.remove(account)
        self.total -= account.balance

    @invariant()
    async def the_sum_fits(self) -> None:
        await trio.lowlevel.checkpoint()
        assert self.has_begun
        assert sum(each.balance for each in self.open_accounts) == self.total


def test_rules_invariants_bundles_and_preconditions_may_be_async() -> None:
    run_state_machine_as_test(Bank, settings=FEW)


class HastyBank(Bank):
    @precondition(lambda self: self.open_accounts)
    @rule(account=Bank.accounts, amount=st.integers(1, 9))
    async def pay_in_twice(self, account: Account, amount: int) -> None:
        self.total += 2 * amount
        async with trio.open_nursery() as nursery:
            nursery.start_soon(account.pay_in, amount)
            for _ in range(4):
                await trio.lowlevel.checkpoint()
            await account.pay_in(amount)


def test_the_data_and_the_schedule_of_a_finding_are_small() -> None:
    with pytest.raises(AssertionError) as caught:
        run_state_machine_as_test(HastyBank, settings=settings(FEW, max_examples=50))
    notes = "\n".join(caught.value.__notes__)
    program = [line for line in notes.splitlines() if "= state.open" in line or "pay_in" in line]
    assert [line for line in program if "state." in line] == [
        "accounts_0, accounts_1 = state.open_two()",
        "state.pay_in_twice(account=accounts_1, amount=1)",
    ]
    assert "Account.pay_in runs first, of 2 ready tasks" in notes
    assert "differ from the default:" in notes


torn_down: list[int] = []


class Ended(TrioStateMachine):
    simulated = {"rounds": 5, "faults": ["cancel"]}  # noqa: RUF012 - as a user writes it

    @rule(number=st.integers(0, 3))
    async def start(self, number: int) -> None:
        assume(number != 2)
        self.nursery.start_soon(trio.sleep_forever)

    async def teardown(self) -> None:
        torn_down.append(1)
        await trio.sleep(1)


def test_a_machine_ends_with_its_teardown_and_its_tasks_cancelled() -> None:
    torn_down.clear()
    run_state_machine_as_test(Ended, settings=settings(FEW, max_examples=5))
    assert torn_down


class Stuck(TrioStateMachine):
    @rule()
    async def wait(self) -> None:
        await trio.Event().wait()


def test_a_rule_that_waits_for_ever_is_a_deadlock() -> None:
    with pytest.raises(DeadlockError, match=r"Stuck waits at .* in wait \(Event\.wait\)"):
        run_state_machine_as_test(Stuck, settings=FEW)


@pytest.mark.parametrize(
    ("missing", "module", "ends"),
    [
        ("hypothesis", "state_machine", "pip install hypothesis"),
        ("hypothesis", "sim", ""),
        ("hypothesis", "plugin", ""),
        ("pytest", "sim", ""),
    ],
)
def test_what_an_extra_brings_is_needed_only_where_it_is_used(
    missing: str, module: str, ends: str
) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; import glowback_trio.testing.{module}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(Path(glowback_trio.__file__).parents[1])},
        check=False,
    )
    assert done.stderr.rstrip().endswith(ends)
    assert (done.returncode == 0) == (not ends), done.stderr
