"""The options that describe a search, for `optimize`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from attrs import evolve, frozen
from cyclopts import Parameter

from glowback_trio.cli.options.backtest_options import BacktestOptions
from glowback_trio.cli.options.lists import LISTED, SPACED, read_pairs
from glowback_trio.cli.options.spelling import renamed, spelt
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.optimization.request import Search, ValidationMode

__all__ = ["NO_SEARCH", "SearchOptions"]

Pairs = Annotated[list[str] | None, SPACED]

#: Fields of a request that an option stands for as it is.
_PLAIN = {
    "search": "strategy",
    "max_trials": "max_trials",
    "metric": "objective_metric",
    "require": "metric_constraints",
    "validation": "validation_mode",
    "windows": "walk_forward_windows",
    "folds": "folds",
    "grid_steps": "grid_steps",
    "seed": "random_seed",
}
_OPTIONS: Mapping[tuple[str, ...], str] = {
    ("strategy",): "--search",
    ("max_trials",): "--max-trials",
    ("objective_metric",): "--metric",
    ("direction",): "--minimize",
    ("metric_constraints",): "--require",
    ("search_space", "constraints"): "--constraint",
    ("validation_mode",): "--validation",
    ("walk_forward_windows",): "--windows",
    ("folds",): "--folds",
    ("grid_steps",): "--grid-steps",
    ("random_seed",): "--seed",
    ("name",): "--name",
}
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER}):({_NUMBER})(?::({_NUMBER}|log))?", re.ASCII)


# Makes each attribute an option of the command.
@Parameter(name="*")
@frozen(kw_only=True)
class SearchOptions:
    """A search, as options. None means that an option was not given.

    Attributes:
        grid: A parameter and what it may be, as NAME=LOW:HIGH:STEP, NAME=LOW:HIGH or NAME=A|B|C;
            every combination is tried. A comma list, or several times.
        vary: The same for searches that draw: NAME=LOW:HIGH[:STEP], NAME=LOW:HIGH:log, NAME=A|B|C.
        constraint: A comparison that every trial meets, such as 'short_period < long_period'.
        search: How to search. [default: grid with --grid, else random]
        max_trials: Trials at most. [default: 100, with --grid all combinations]
        metric: The metric that is sought. [default: sharpe_ratio]
        minimize: Less of it is better.
        require: What the metrics of a winner must meet, such as 'max_drawdown <= 20'.
        validation: What is held out. [default: walk_forward]
        windows: Windows that are held out one after the other. [default: 3]
        folds: Folds of purged_k_fold and cpcv. [default: 5]
        grid_steps: Values of a range without a step, in a grid. [default: 5]
        seed: Seed of what is drawn. [default: 42]
    """

    grid: Pairs = None
    vary: Pairs = None
    constraint: Annotated[list[str] | None, LISTED] = None
    search: Search | None = None
    max_trials: int | None = None
    metric: str | None = None
    minimize: Annotated[bool, Parameter(negative=())] = False
    require: Annotated[list[str] | None, LISTED] = None
    validation: ValidationMode | None = None
    windows: int | None = None
    folds: int | None = None
    grid_steps: int | None = None
    seed: int | None = None

    def document(
        self, file: dict[str, Any], base: dict[str, Any], name: str | None = None
    ) -> dict[str, Any]:
        """Return the request as the JSON object that `POST /optimizations` takes, not yet checked.

        Args:
            file: A request from a file, which the options override field by field; may be empty.
            base: The base backtest.
            name: A name for the search; None: that of the file, or "search".

        Raises:
            InvalidRequestError: A pair is not one, or no parameter is given.
        """
        document: dict[str, Any] = {"name": "search", **file, "base_backtest": base}
        if name is not None:
            document["name"] = name
        for option, field in _PLAIN.items():
            if (value := getattr(self, option)) is not None:
                document[field] = value
        if self.minimize:
            document["direction"] = "minimize"
        self._set_space(document)
        return document

    def _set_space(self, document: dict[str, Any]) -> None:
        given = [
            *_parameters("--grid", self.grid or ()),
            *_parameters("--vary", self.vary or ()),
        ]
        space = document.setdefault("search_space", {})
        if given:
            space["parameters"] = given
        if self.constraint is not None:
            space["constraints"] = self.constraint
        if "parameters" not in space:
            message = (
                "says which parameters to search, such as --grid short_period=5:50:5; or give a "
                "file with a request"
            )
            raise InvalidRequestError([Problem("missing", ("--grid",), message)])
        if self.grid is not None and self.search is None:
            document["strategy"] = "grid"
        if document.get("strategy") == "grid" and self.max_trials is None and self.grid is not None:
            document["max_trials"] = 10_000

    @contextmanager
    def named_by_option(self, base: BacktestOptions) -> Iterator[None]:
        """Rename the problems that the block raises: those of given options get their names.

        Args:
            base: The options of the base backtest.
        """
        try:
            yield
        except InvalidRequestError as error:
            of_base = [each for each in error.problems if each.path[:1] == ("base_backtest",)]
            others = [each for each in error.problems if each not in of_base]
            within = [evolve(each, path=each.path[1:]) for each in of_base]
            named = [*renamed(others, self._options()), *spelt(within, base.given)]
            raise InvalidRequestError(named) from None

    def _options(self) -> Mapping[tuple[str, ...], str]:
        """Return the options by the fields that they stand for; each parameter by its name."""
        pairs = (("--grid", self.grid or ()), ("--vary", self.vary or ()))
        given = [f"{flag} {name}" for flag, texts in pairs for name in read_pairs(flag, texts)]
        places: dict[tuple[str, ...], str]
        places = {("search_space", "parameters", str(n)): name for n, name in enumerate(given)}
        return {**_OPTIONS, **places}


NO_SEARCH = SearchOptions()


def _parameters(flag: str, given: Iterable[str]) -> Iterator[dict[str, Any]]:
    for name, text in read_pairs(flag, given).items():
        yield {"name": name, **_values(text)}


def _values(text: Any) -> dict[str, Any]:
    """Read what a parameter may be: a range, or values with bars between them."""
    if isinstance(text, str) and (parts := _RANGE.fullmatch(text)) is not None:
        low, high, step = parts.groups()
        if step == "log":
            return {"kind": "log_uniform", "low": float(low), "high": float(high)}
        numbers = [_number(each) for each in (low, high, step) if each is not None]
        whole = all(isinstance(each, int) for each in numbers)
        bounds = dict(zip(("low", "high", "step"), numbers, strict=False))
        return {"kind": "int_range" if whole else "float_range", **bounds}
    values = (
        [_scalar(each.strip()) for each in text.split("|")] if isinstance(text, str) else [text]
    )
    return {"kind": "choice", "values": values}


def _number(text: str) -> int | float:
    return int(text) if re.fullmatch(r"[+-]?\d+", text, re.ASCII) else float(text)


def _scalar(text: str) -> Any:
    if re.fullmatch(_NUMBER, text, re.ASCII):
        return _number(text)
    return {"true": True, "false": False}.get(text, text)
