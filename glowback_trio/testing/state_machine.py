"""State machines of hypothesis whose rules are async, under the simulator.

Hypothesis draws the rules and their data, and makes them few. After each drawn rule the program so
far runs once in the default order, which tells the preconditions what holds. When the program is
complete it runs in other orders and with faults, and the kit makes those few. Each of these runs is
a `trio.run` of its own with a machine of its own.
"""

from __future__ import annotations

import copy
import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import trio

from glowback_trio.testing.sim import Finding, explore

try:
    from hypothesis.errors import HypothesisException
    from hypothesis.stateful import (
        INITIALIZE_RULE_MARKER,
        INVARIANT_MARKER,
        RULE_MARKER,
        MultipleResults,
        RuleBasedStateMachine,
        multiple,
    )
except ImportError as error:
    raise ImportError(
        "TrioStateMachine needs hypothesis, which is not installed: pip install hypothesis"
    ) from error

__all__ = ["TrioStateMachine"]


@dataclass(frozen=True, slots=True, eq=False)
class _Returned:
    """Stands in a bundle for what a rule has returned, which is another object in each round."""

    call: int
    place: int


@dataclass(frozen=True, slots=True)
class _Call:
    """A rule that was drawn.

    Attributes:
        rule: Its function.
        arguments: What was drawn for it.
        begins: Whether rules that initialize are still to come.
    """

    rule: Callable[..., Any]
    arguments: Mapping[str, Any]
    begins: bool


class _Program:
    """A scenario of what hypothesis has drawn.

    Attributes:
        calls: The rules, in order.
        last: The machine of the last round.
        results: What each rule has returned in it.
    """

    def __init__(self, machine: type[TrioStateMachine]) -> None:
        # Reports name the main task after these.
        self.__module__, self.__qualname__ = machine.__module__, machine.__qualname__
        self._machine = machine
        self.calls: list[_Call] = []
        self.last: TrioStateMachine | None = None
        self.results: list[tuple[Any, ...]] = []

    async def __call__(self) -> None:
        """Run the program."""
        machine = self.last = self._machine()
        self.results = []
        errors: list[Exception] = []
        async with trio.open_nursery() as machine.nursery:
            for part in (self._run, machine._run_users_teardown):  # noqa: SLF001 - one module
                try:
                    await part(machine)
                except Exception as error:  # noqa: BLE001 - raised below, bare and not in a group
                    errors.append(error)
            machine.nursery.cancel_scope.cancel("the machine has ended")
        if errors:
            raise errors[0]

    async def _run(self, machine: TrioStateMachine) -> None:
        await machine._check_invariants(begins=True)  # noqa: SLF001 - one module
        for call in self.calls:
            arguments = {name: self._given(each) for name, each in call.arguments.items()}
            result = await _awaited(call.rule(machine, **arguments))
            several = isinstance(result, MultipleResults)
            self.results.append(tuple(result.values) if several else (result,))
            await machine._check_invariants(begins=call.begins)  # noqa: SLF001 - one module

    def _given(self, value: Any) -> Any:
        if isinstance(value, _Returned):
            return self.results[value.call][value.place]
        if isinstance(value, list) and any(isinstance(each, _Returned) for each in value):
            return [self._given(each) for each in value]
        return copy.deepcopy(value)  # a rule may change what it is given


async def _awaited(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result


class TrioStateMachine(RuleBasedStateMachine):
    """A state machine of hypothesis with async rules, invariants and `teardown`.

    Use hypothesis's own `rule`, `initialize`, `invariant`, `precondition`, `Bundle` and `multiple`.
    Rules may start tasks in `self.nursery`. Rules take their data as arguments, not by `st.data()`,
    and a bundle is given on as it is, without `map` and `filter`: what a rule returns is another
    object in each round.

    Attributes:
        simulated: What `glowback_trio.testing.sim.find` takes, by name, for each program.
        nursery: Cancelled when the machine has ended.
    """

    simulated: ClassVar[Mapping[str, Any]] = {"rounds": 20}
    nursery: trio.Nursery

    _invariants: ClassVar[Sequence[Any]] = ()

    def __init_subclass__(cls, **named: Any) -> None:
        """Take the rules, invariants and teardown out of hypothesis's hands."""
        super().__init_subclass__(**named)
        if "teardown" in vars(cls):
            # Hypothesis is to call the `teardown` of this class, and rounds that of the user's.
            type.__setattr__(cls, "_users_teardown", vars(cls)["teardown"])
            type.__delattr__(cls, "teardown")
        cls._invariants = [*cls._invariants]
        for function in list(vars(cls).values()):
            for marker in (RULE_MARKER, INITIALIZE_RULE_MARKER):
                if (rule := getattr(function, marker, None)) is not None:
                    setattr(function, marker, _replaced(rule, _recorder(rule.function)))
            if (invariant := getattr(function, INVARIANT_MARKER, None)) is not None:
                cls._invariants.append(invariant)
                setattr(function, INVARIANT_MARKER, _replaced(invariant, _nothing(invariant)))

    def __init__(self) -> None:
        super().__init__()
        self._handled = sys.exception()
        self._program = _Program(type(self))
        self._kits = frozenset(vars(self))

    def teardown(self) -> None:
        """Run what was drawn in other orders. A subclass may have a `teardown` of its own."""
        if sys.exception() is not self._handled:
            return  # the program has failed already, or hypothesis gives it up
        finding = explore(self._program, **self.simulated).finding
        if finding is not None:
            _raise(finding)

    async def _users_teardown(self) -> None:
        pass

    async def _run_users_teardown(self, _: TrioStateMachine) -> None:
        await _awaited(self._users_teardown())

    async def _check_invariants(self, *, begins: bool) -> None:
        for each in self._invariants:
            if begins and self._initialize_rules_to_run and not each.check_during_init:
                continue
            if all(holds(self) for holds in each.preconditions):
                await _awaited(each.function(self))

    def _record(self, rule: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        """Add a rule to the program, and run it once in the default order."""
        program = self._program
        program.calls.append(_Call(rule, arguments, bool(self._initialize_rules_to_run)))
        finding = explore(program, **{**self.simulated, "rounds": 1}).finding
        if finding is not None:
            _raise(finding)
        assert program.last is not None
        news = vars(program.last)
        # What preconditions read on the machine that hypothesis holds.
        vars(self).update({name: news[name] for name in news if name not in self._kits})
        number, result = len(program.calls) - 1, program.results[-1]
        if result == (None,):
            return None
        returned = [_Returned(number, place) for place in range(len(result))]
        return returned[0] if len(returned) == 1 else multiple(*returned)


def _raise(finding: Finding) -> None:
    if not isinstance(finding.exception, HypothesisException):
        finding.exception.add_note(finding.report)
    raise finding.exception


def _replaced(marked: Any, function: Callable[..., Any]) -> Any:
    """Return a rule or an invariant with another function."""
    new = copy.copy(marked)
    object.__setattr__(new, "function", function)  # it is frozen, and its class is hypothesis's
    return new


def _recorder(rule: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(rule)
    def record(machine: TrioStateMachine, **arguments: Any) -> Any:
        return machine._record(rule, arguments)  # noqa: SLF001 - one module

    return record


def _nothing(invariant: Any) -> Callable[..., None]:
    """Return what hypothesis calls for an invariant, which rounds check."""

    @functools.wraps(invariant.function)
    def nothing(_: TrioStateMachine) -> None:
        pass

    return nothing
