"""Fixtures of function scope, made anew in each round.

State that one round leaves to the next would be a false finding, so pytest sets up a recipe where
it would call a fixture function, and each round follows the recipes: sync and async fixtures are
made in the order in which pytest makes them, and taken down in the reverse, all in one `trio.run`.
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Never

import pytest
import trio

__all__ = ["Recipe", "RoundFixtures"]


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """How a fixture is made.

    Attributes:
        name: Its name.
        function: The fixture function.
        arguments: What pytest has set up for its parameters, recipes among them.
    """

    name: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any] = field(repr=False)


async def _nursery() -> AsyncGenerator[trio.Nursery, None]:
    async with trio.open_nursery() as nursery:
        yield nursery
        nursery.cancel_scope.cancel("the test has ended")


_DIRECTORY = pytest.StashKey[Path]()


def _empty_directory(request: RoundRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same path in each round, which keeps what the last round has left there."""
    stash = request.node.stash
    if _DIRECTORY not in stash:
        stash[_DIRECTORY] = tmp_path_factory.mktemp("simulated")
    shutil.rmtree(stash[_DIRECTORY])
    stash[_DIRECTORY].mkdir()
    path: Path = stash[_DIRECTORY]
    return path


#: Fixtures that are tied to one call of a test, by module and name: what stands for them here.
_STANDS_FOR: dict[tuple[str, str], Callable[..., Any]] = {
    ("_pytest.tmpdir", "tmp_path"): _empty_directory,
    ("pytest_trio.plugin", "nursery"): lambda **_: _nursery(),
    ("pytest_trio.plugin", "autojump_clock"): trio.lowlevel.current_clock,
    ("pytest_trio.plugin", "mock_clock"): trio.lowlevel.current_clock,
}


class RoundFixtures:
    """The fixtures of one round.

    Attributes:
        instance: The object whose method the test is, new in each round; None for a function.
    """

    def __init__(self, instance: object | None) -> None:
        self.instance = instance
        self._made: dict[Recipe, Any] = {}
        self._endings: list[Callable[[], Awaitable[None]]] = []

    async def value(self, given: Any) -> Any:
        """Return what a test is given for what pytest has set up."""
        if isinstance(given, pytest.FixtureRequest):
            return RoundRequest(given, self)
        if not isinstance(given, Recipe):
            return given
        if given not in self._made:
            arguments = {name: await self.value(each) for name, each in given.arguments.items()}
            self._made[given] = await self._follow(given, arguments)
        return self._made[given]

    def value_now(self, given: Any) -> Any:
        """Return the same where nothing has to be awaited.

        Raises:
            ValueError: It takes an async fixture, which has not been made in this round.
        """
        if isinstance(given, Recipe) and (name := self._first_async(given)):
            raise ValueError(
                f"getfixturevalue cannot wait for the async fixture {name!r}: take it as an "
                "argument of the test or of a fixture"
            )
        following = self.value(given)
        try:
            following.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("unreachable: there is nothing async to wait for")

    async def finish(self) -> list[BaseException]:
        """Take the fixtures down, the last one first. Return what was raised."""
        errors = []
        while self._endings:
            try:
                await self._endings.pop()()
            except BaseException as error:  # noqa: BLE001 - the others are taken down first
                errors.append(error)
        return errors

    def at_end(self, function: Callable[[], object]) -> None:
        """Call a plain function when the fixtures are taken down."""

        async def call() -> None:
            function()

        self._endings.append(call)

    async def _follow(self, recipe: Recipe, arguments: dict[str, Any]) -> Any:
        function = self._bound(recipe.function)
        function = _STANDS_FOR.get((function.__module__, recipe.name), function)
        made: Any = function(**arguments)
        if inspect.isasyncgen(made):
            value = await anext(made, _NOTHING)
            self._endings.append(partial(_end_async, recipe.name, made))
        elif inspect.isgenerator(made):
            value = next(made, _NOTHING)
            self.at_end(partial(_end, recipe.name, made))
        elif inspect.iscoroutine(made):
            value = await made
        else:
            value = made
        if value is _NOTHING:
            raise ValueError(f"fixture {recipe.name!r} has a `yield` and did not come to it")
        if isinstance(value, pytest.LogCaptureFixture):
            value.clear()  # its records belong to the test, and so to all rounds
        return value

    def _bound(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Bind a fixture that is a method of the test's class to the object of this round."""
        owner = getattr(function, "__self__", None)
        if self.instance is None or owner is None or not isinstance(self.instance, type(owner)):
            return function
        method: Callable[..., Any] = function.__func__.__get__(self.instance)  # type: ignore[attr-defined]  # what has __self__ is a method
        return method

    def _first_async(self, recipe: Recipe) -> str | None:
        """Name an async fixture that would have to be made first."""
        if recipe in self._made:
            return None
        function = recipe.function
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            return recipe.name
        names = (
            self._first_async(each)
            for each in recipe.arguments.values()
            if isinstance(each, Recipe)
        )
        return next(filter(None, names), None)


_NOTHING = object()


def _end(name: str, made: Iterator[Any]) -> None:
    if next(made, _NOTHING) is not _NOTHING:
        raise ValueError(f"fixture {name!r} yields more than once")


async def _end_async(name: str, made: AsyncGenerator[Any, Never]) -> None:
    if await anext(made, _NOTHING) is not _NOTHING:
        await made.aclose()
        raise ValueError(f"fixture {name!r} yields more than once")


class RoundRequest:
    """Pytest's `request`, whose fixtures, finalizers and instance are those of one round."""

    def __init__(self, request: pytest.FixtureRequest, fixtures: RoundFixtures) -> None:
        self._request = request
        self._fixtures = fixtures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)

    @property
    def instance(self) -> object | None:
        """The object whose method the test is."""
        return self._fixtures.instance

    @property
    def function(self) -> Any:
        """The test, bound to the object of this round."""
        function = self._request.function
        return function if self.instance is None else function.__get__(self.instance)

    def getfixturevalue(self, argname: str) -> Any:
        """Return the fixture of this name, made in this round if it has function scope."""
        return self._fixtures.value_now(self._request.getfixturevalue(argname))

    def addfinalizer(self, finalizer: Callable[[], object]) -> None:
        """Call a function when the fixtures of this round are taken down."""
        self._fixtures.at_end(finalizer)
