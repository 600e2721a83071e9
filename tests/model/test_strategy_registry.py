"""The registry: which strategies a request may name.

Doctrine: custom strategies are named, checked and described like the built-in ones; two registries
in one process never see each other's strategies.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import pytest
from attrs import frozen

from glowback_trio.errors import InvalidRequestError, StrategyError
from glowback_trio.model.bounds import Ge
from glowback_trio.model.strategies.api import BarStrategy, OnBar
from glowback_trio.model.strategies.parameters import STRATEGIES, MaCrossover
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.wire.converter import make_converter
from glowback_trio.wire.requests import parse_request, request_document


def made(name: Any, aliases: tuple[str, ...] = (), title: Any = "One") -> type[BarStrategy]:
    """A class of strategies with these names."""

    @frozen
    class One(BarStrategy):
        lookback: Annotated[int, Ge(1)] = 20

        def start(self) -> OnBar:
            return lambda _context: None

    One.name, One.aliases, One.title = name, aliases, title
    return One


MINE = made("mine", ("my_own",))
MINIMAL = {"symbols": ["A"], "start_date": "2024-01-01", "end_date": "2024-02-01"}


def naming(name: str, **params: object) -> dict[str, object]:
    return {**MINIMAL, "strategy": {"name": name, "params": params}}


def test_custom_strategies_come_after_the_built_in_ones() -> None:
    assert list(make_registry([MINE])) == [*STRATEGIES, "mine"]
    assert list(make_registry()) == list(STRATEGIES)


@pytest.mark.parametrize("name", ["mine", "my_own", " MINE "])
def test_a_request_names_it_like_any_other(name: str) -> None:
    request = parse_request(naming(name, lookback=5), make_converter(make_registry([MINE])))
    assert request.strategy == MINE(lookback=5)  # type: ignore[call-arg] # made in a function
    assert (
        parse_request(request_document(request), make_converter(make_registry([MINE]))) == request
    )


def test_its_parameters_are_checked_like_all_others() -> None:
    with pytest.raises(InvalidRequestError) as raised:
        parse_request(naming("mine", lookback=0, lokback=3), make_converter(make_registry([MINE])))
    assert [problem.path for problem in raised.value.problems] == [
        ("strategy", "params", "lokback"),
        ("strategy", "params", "lookback"),
    ]
    assert "did you mean 'lookback'" in str(raised.value)


def test_a_strategy_that_is_not_registered_is_unknown() -> None:
    with pytest.raises(InvalidRequestError, match="Unknown strategy 'mine'"):
        parse_request(naming("mine"))
    with pytest.raises(InvalidRequestError, match="did you mean 'mine'"):
        parse_request(naming("mien"), make_converter(make_registry([MINE])))


def test_one_converter_knows_nothing_of_the_strategies_of_another() -> None:
    parse_request(naming("mine"), make_converter(make_registry([MINE])))
    with pytest.raises(InvalidRequestError, match="Unknown strategy 'mine'"):
        parse_request(naming("mine"))


@pytest.mark.parametrize(
    ("custom", "reason"),
    [
        ([made("rsi")], "the name 'rsi' is taken by Rsi"),
        ([made("moving_average_crossover")], "is taken by MaCrossover"),
        ([made("new", ("ma_crossover",))], "'ma_crossover' is taken by MaCrossover"),
        ([made("covered_call")], "'covered_call' is taken by something this engine lacks"),
        ([MINE, made("other", ("my_own",))], "'my_own' is taken by One"),
        ([MINE, MINE], "'mine' is taken by One"),
        ([made("Mine")], "a name of lower-case letters, digits and _, not 'Mine'"),
        ([made("mine", ("My Own",))], "not 'My Own'"),
        ([made(7)], "not 7"),
        ([made("mine", title="")], "One needs a title, not ''"),
        ([MaCrossover], "a class derived from BarStrategy or TargetStrategy, not .*MaCrossover"),
        ([MINE()], "a class derived from BarStrategy or TargetStrategy, not One"),
        (["mine"], "not 'mine'"),
    ],
)
def test_a_class_that_cannot_be_registered_is_refused_with_why(custom: Any, reason: str) -> None:
    with pytest.raises(StrategyError, match=reason):
        make_registry(custom)


def test_a_class_that_forgets_the_decorator_is_refused() -> None:
    class Bare(BarStrategy):
        name: ClassVar[str] = "bare"
        title: ClassVar[str] = "Bare"
        lookback: int = 20

    with pytest.raises(StrategyError, match=r"Bare should be decorated with attrs\.frozen"):
        make_registry([Bare])
