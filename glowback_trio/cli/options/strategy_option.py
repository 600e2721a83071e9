"""The `--strategies` option: strategies of the operator's own, imported from a module.

What is imported here runs with all rights of the command. It comes from whoever starts the command
and never from a request.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from cyclopts import Parameter

from glowback_trio.errors import InvalidRequestError, Problem, StrategyError
from glowback_trio.model.bounds import did_you_mean
from glowback_trio.model.strategies.api import CustomStrategy
from glowback_trio.model.strategies.registry import make_registry

__all__ = ["StrategiesOption", "load_strategies"]

StrategiesOption = Annotated[
    list[str] | None,
    Parameter(
        name="--strategies",
        metavar="MODULE:ATTRIBUTE",
        env_var="GLOWBACK_STRATEGIES",
        negative_iterable=(),
    ),
]


def load_strategies(places: Iterable[str]) -> list[type[CustomStrategy]]:
    """Import the strategies at these places; together with the built-in ones they can be offered.

    Modules are looked for in the current directory first.

    Args:
        places: `module:attribute`, where there is a class of strategies, or a list of them.

    Raises:
        InvalidRequestError: There is no such module or attribute, it holds something else, or a
            name is taken.
    """
    asked = [place.strip() for listed in places for place in listed.split(",")]
    own = [cls for place in asked for cls in _classes(place)]
    try:
        make_registry(own)
    except StrategyError as error:
        raise _refusal(str(error), asked) from error
    return own


def _classes(place: str) -> list[type[CustomStrategy]]:
    name, colon, attribute = place.partition(":")
    if not (name and colon and attribute):
        raise _refusal(f"Input should be module:attribute, not {place!r}", place)
    module = _imported(name)
    if not hasattr(module, attribute):
        known = [each for each in vars(module) if not each.startswith("_")]
        message = f"{name} has no attribute {attribute!r}; {did_you_mean(attribute, known)}"
        raise _refusal(message, place)
    found: Any = getattr(module, attribute)
    return list(found) if isinstance(found, list | tuple) else [found]


def _imported(name: str) -> ModuleType:
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            message = f"There is no module {error.name!r}, here or among what is installed"
        else:
            message = f"{name} cannot be imported: {type(error).__name__}: {error}"
        raise _refusal(message, name) from error


def _refusal(message: str, value: object) -> InvalidRequestError:
    return InvalidRequestError([Problem("value_error", ("--strategies",), message, value)])
