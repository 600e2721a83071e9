"""Name the problems of a request as the user spelt what caused them: by options, not by fields."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from attrs import evolve

from glowback_trio.errors import Problem

__all__ = ["OPTIONS", "renamed", "spelt", "spelt_in_commands"]

#: Fields of a request, as beginnings of a problem's path, and the option that sets each.
OPTIONS: Mapping[tuple[str, ...], str] = {
    ("symbols",): "--symbols",
    ("start_date",): "--start",
    ("end_date",): "--end",
    ("resolution",): "--resolution",
    ("strategy",): "--strategy",
    ("strategy", "params"): "--param",
    ("initial_capital",): "--capital",
    ("execution",): "--execution",
    ("execution", "slippage_bps"): "--slippage-bps",
    ("execution", "commission_bps"): "--commission-bps",
    ("portfolio_construction",): "--weight",
    ("portfolio_construction", "rebalance_frequency"): "--rebalance",
    ("benchmark_symbol",): "--benchmark",
    ("adjustment",): "--adjustment",
    ("calendar",): "--calendar",
    ("timezone",): "--timezone",
    ("warmup_bars",): "--warmup-bars",
    ("stream", "pace_bars_per_s"): "--pace",
    ("on_restart",): "--on-restart",
    ("priority",): "--priority",
    ("name",): "--name",
    ("tags",): "--tag",
    ("note",): "--note",
}
#: The same for what the client or the server says of a command that looks at runs.
_OF_COMMANDS: Mapping[tuple[str, ...], str] = {
    ("url",): "--url",
    ("before",): "--before",
    ("limit",): "--limit",
    ("q",): "--q",
    ("symbol",): "--symbol",
    ("strategy",): "--strategy",
    ("since",): "--since",
    ("tag",): "--tag",
    ("name",): "--name",
    ("tags",): "--tag",
    ("note",): "--note",
    ("include",): "--include",
    ("max_points",): "--max-points",
    ("header", "Idempotency-Key"): "--idempotency-key",
}
# Steps of a path that an option's values do not have.
_UNNAMED = frozenset({"name", "params", "target_weights"})


def spelt(problems: Iterable[Problem], given: Collection[str]) -> Iterator[Problem]:
    """Yield problems, those of given options named by the option.

    Args:
        problems: Their paths are fields of a request.
        given: The options that were given; a field without one came from a file.
    """
    return renamed(problems, {path: name for path, name in OPTIONS.items() if name in given})


def spelt_in_commands(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield problems that a client or a server found in what a command asked for."""
    return renamed(problems, _OF_COMMANDS)


def renamed(
    problems: Iterable[Problem], options: Mapping[tuple[str, ...], str]
) -> Iterator[Problem]:
    """Yield problems, those of fields that an option stands for named by the option.

    Args:
        problems: Their paths are fields of a request.
        options: Options by the fields, as beginnings of paths.
    """
    for problem in problems:
        path = tuple(str(step) for step in problem.path)
        beginnings = (path[:length] for length in range(len(path), 0, -1))
        field = next((each for each in beginnings if each in options), None)
        if field is None:
            yield problem
        else:
            path = (_place(options[field], problem, len(field)),)
            yield evolve(problem, path=path, message=_in_options(problem.message, options))


def _in_options(message: str, options: Mapping[tuple[str, ...], str]) -> str:
    """Write the other fields that a message names as their options.

    Only names with an underscore: a word such as `calendar` may mean the thing, not the field.
    """
    for field, option in options.items():
        if len(field) == 1 and "_" in field[0]:
            message = re.sub(rf"\b{field[0]}\b", option, message)
    return message


def _place(option: str, problem: Problem, length: int) -> str:
    """Write an option with what follows it in the path: the name of a pair, or the list's item."""
    rest = [step for step in problem.path[length:] if step not in _UNNAMED]
    words = [step if isinstance(step, str) else str(problem.value) for step in rest]
    return " ".join([option, *words])
