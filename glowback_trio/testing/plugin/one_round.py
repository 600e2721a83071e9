"""One round of a test: its fixtures are set up, it runs, they are taken down."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import trio

from glowback_trio.testing.plugin.recipes import RoundFixtures

__all__ = ["FailedError", "OneRound"]

#: What pytest raises to say something else than that a test has failed.
_OUTCOMES = (
    pytest.skip.Exception,
    pytest.xfail.Exception,
    pytest.exit.Exception,
    KeyboardInterrupt,
    SystemExit,
)


class FailedError(AssertionError):
    """Raised for `pytest.fail`, whose own exception would end the search as Ctrl+C does."""


class OneRound:
    """The scenario that a search runs.

    Args:
        item: The test.
        function: Its async function.
    """

    def __init__(self, item: pytest.Function, function: Any) -> None:
        # Reports name the main task after these.
        self.__module__, self.__qualname__ = function.__module__, item.name
        self._item = item
        self._function = function

    async def __call__(self) -> None:
        """Run the round. Its fixtures are taken down whole, also where the test is cancelled."""
        _forget_output(self._item.config)
        instance = self._item.cls() if self._item.cls is not None else None
        fixtures = RoundFixtures(instance)
        errors: list[BaseException] = []
        with trio.CancelScope() as guard:
            try:
                arguments = await self._arguments(fixtures)
                await self._bound(instance)(**arguments)
            except BaseException as error:  # noqa: BLE001 - raised below, after the fixtures' ends
                errors.append(error)
            guard.shield = True
            errors += await fixtures.finish()
        _raise(errors)

    async def _arguments(self, fixtures: RoundFixtures) -> Mapping[str, Any]:
        """Return what the test takes. What it only uses is made too, all in pytest's order."""
        values = {name: await fixtures.value(each) for name, each in self._item.funcargs.items()}
        return {name: values[name] for name in self._item._fixtureinfo.argnames}  # noqa: SLF001 - pytest itself calls a test with these; there is no public list

    def _bound(self, instance: object | None) -> Any:
        function = self._function
        return function if instance is None else function.__func__.__get__(instance)


def _forget_output(config: pytest.Config) -> None:
    """Drop what earlier rounds have printed and logged, so that a report has one round's."""
    capture = config.pluginmanager.get_plugin("capturemanager")
    if capture is not None and capture.is_globally_capturing():
        capture.read_global_capture()
    logs = config.pluginmanager.get_plugin("logging-plugin")
    if logs is not None:
        logs.report_handler.reset()


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def _raise(errors: list[BaseException]) -> None:
    """Raise what a round has come to."""
    # Cancellation is how a round ends, not what was wrong in it.
    real = [each for each in errors if not isinstance(each, trio.Cancelled)]
    for error in real:
        for leaf in _leaves(error):
            if isinstance(leaf, _OUTCOMES):
                raise leaf
    if len(real) > 1:
        raise BaseExceptionGroup("the test and its fixtures raise", list(map(_failed, real)))
    if real:
        raise _failed(real[0])
    if errors and trio.current_effective_deadline() > -math.inf:
        raise RuntimeError(
            "a cancel scope of a fixture cancelled the test and nothing says so: put the time "
            "limit or the nursery that does it into the test"
        ) from errors[0]
    if errors:
        raise errors[0]


def _failed(error: BaseException) -> BaseException:
    """Return an exception in which `FailedError` stands for that of `pytest.fail`."""
    if isinstance(error, pytest.fail.Exception):
        return FailedError(error.msg).with_traceback(error.__traceback__)
    if isinstance(error, BaseExceptionGroup) and any(
        isinstance(each, pytest.fail.Exception) for each in _leaves(error)
    ):
        group = error.derive([_failed(each) for each in error.exceptions])
        return group.with_traceback(error.__traceback__)
    return error
