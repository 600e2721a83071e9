"""The `--strategies` option: import custom strategies from a Python module.

The imported code runs with all rights of the command. The option is therefore for the person who
starts the command; a request can only name strategies, never import them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from cyclopts import Parameter

from glowback_trio.cli.messages import printing_to_stderr
from glowback_trio.errors import InvalidRequestError, Problem, StrategyError
from glowback_trio.model.bounds import did_you_mean
from glowback_trio.model.strategies.api import CustomStrategy
from glowback_trio.model.strategies.foreign import said
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


def load_strategies(paths: Iterable[str]) -> list[type[CustomStrategy]]:
    """Import strategy classes. The current directory is searched before installed packages.

    Args:
        paths: `module:attribute`, or comma lists of such; each attribute is a strategy class or a
            list of classes.

    Raises:
        InvalidRequestError: There is no such module or attribute, an attribute is something else,
            or a strategy's name is already in use.
    """
    split = [path.strip() for listed in paths for path in listed.split(",")]
    classes = [cls for path in split for cls in _classes(path)]
    try:
        # Only checks the classes here, where an error can still name the option.
        make_registry(classes)
    except StrategyError as error:
        raise _problem(str(error), split) from error
    return classes


def _classes(path: str) -> list[type[CustomStrategy]]:
    name, colon, attribute = path.partition(":")
    if not (name and colon and attribute):
        raise _problem(f"Input should be MODULE:ATTRIBUTE, not {path!r}", path)
    module = _imported(name)
    if not hasattr(module, attribute):
        known = [each for each, value in vars(module).items() if _offers(value, name)]
        hint = did_you_mean(attribute, known) if known else "it has no strategies at all"
        raise _problem(f"{name} has no attribute {attribute!r}; {hint}", path)
    found: Any = getattr(module, attribute)
    return list(found) if isinstance(found, list | tuple) else [found]


def _offers(value: object, module: str) -> bool:
    """Return True for a strategy class of the module itself, and for a list of strategies."""
    if isinstance(value, list | tuple):
        return bool(value) and all(_is_strategy(each) for each in value)
    return _is_strategy(value) and value.__module__ == module


def _is_strategy(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, CustomStrategy)


def _imported(name: str) -> ModuleType:
    # An installed command, unlike `python -m`, does not have the current directory on its path.
    if (directory := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, directory)
    try:
        with printing_to_stderr():
            return importlib.import_module(name)
    # The module may raise anything while it is imported.
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            places = "the current directory or among the installed packages"
            message = f"No module {error.name!r} in {places}"
        else:
            message = f"{name} cannot be imported: {said(error)}"
        raise _problem(message, name) from error


def _problem(message: str, value: object) -> InvalidRequestError:
    return InvalidRequestError([Problem("value_error", ("--strategies",), message, value)])
