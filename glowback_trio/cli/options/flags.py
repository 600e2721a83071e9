"""The server's settings as flags: one per row of their table, checked like the environment."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from attrs import Attribute, evolve, fields
from cyclopts import Parameter

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.server import Settings

__all__ = ["read_settings", "with_setting_flags"]

Command = TypeVar("Command", bound=Callable[..., Any])


def with_setting_flags(command: Command) -> Command:
    """Replace the command's `**flags` by one parameter per setting in the signature it shows."""
    named = list(inspect.signature(command, eval_str=True).parameters.values())[:-1]
    published = inspect.Signature([*named, *map(_parameter, _rows())])
    command.__signature__ = published  # type: ignore[attr-defined]  # PEP 362 allows functions to have one
    # `typing.get_type_hints`, which parsers use, reads these and not the signature.
    command.__annotations__ = {name: row.annotation for name, row in published.parameters.items()}
    return command


def read_settings(
    flags: Mapping[str, str | bool | list[str] | None], environ: Mapping[str, str]
) -> Settings:
    """Read the settings. A flag overrides the environment, which overrides the default.

    Args:
        flags: Values by the settings' names: None if not given, a list if repeatable.
        environ: Environment variables.

    Raises:
        InvalidRequestError: It names all problems, each by the flag or variable that caused it.
    """
    # Flags are written over the environment, so that one reader checks both.
    given = {row.metadata["env"]: row for row in _rows() if flags.get(row.name) is not None}
    texts = {env: _text(flags[row.name]) for env, row in given.items()}
    try:
        return Settings.from_environ({**environ, **texts})
    except InvalidRequestError as error:
        problems = [_named_as_given(problem, given) for problem in error.problems]
        raise InvalidRequestError(problems) from None


def _text(flag: object) -> str:
    return ",".join(flag) if isinstance(flag, list) else str(flag)


def _named_as_given(problem: Problem, given: Mapping[str, Attribute[Any]]) -> Problem:
    row = given.get(str(problem.path[0]))
    return evolve(problem, path=(row.metadata["flag"],)) if row else problem


def _rows() -> list[Attribute[Any]]:
    return [row for row in fields(Settings) if row.metadata["flag"] is not None]


def _parameter(row: Attribute[Any]) -> inspect.Parameter:
    """Declare a flag as plain text; `Settings` checks the text later, together with all others."""
    switch, listed = isinstance(row.default, bool), isinstance(row.default, tuple)
    kind: Any = bool if switch else list[str] if listed else str
    flag = Parameter(
        name=row.metadata["flag"],
        negative_iterable=(),
        # `--no-sample` instead of `--no-allow-sample`.
        negative="--no-" + row.metadata["flag"].removeprefix("--allow-") if switch else (),
        help=f"{row.metadata['help']}. [env var: {row.metadata['env']}] {_default(row)}",
        metavar="VALUE",
        show_default=False,
    )
    return inspect.Parameter(
        row.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, flag],
    )


def _default(row: Attribute[Any]) -> str:
    return "" if row.default in (None, ()) else f"[default: {row.default}]"
