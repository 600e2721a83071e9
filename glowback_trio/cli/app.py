"""The table of commands, and the exit code of each way a command can end.

Exit codes: 0 success, 1 a run or a connection failed, 2 wrong usage, 3 runs differ, 130
interrupted. A mistake of
the user is reported as one line per problem on stderr, never as a traceback, unless the mistake is
in code of the user's own, such as a custom strategy.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Mapping, Sequence

from cyclopts import (
    App,
    Argument,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    Token,
    UnusedCliTokensError,
)

from glowback_trio.cli.messages import print_error, print_traceback, print_warning
from glowback_trio.cli.options.environment import misspelt_variables
from glowback_trio.errors import GlowbackError, InvalidRequestError
from glowback_trio.version import VERSION

__all__ = ["main"]

_EXAMPLES = """\
Examples:

  glowback-trio demo
  glowback-trio run --help
"""

_NUMBERS: Mapping[type | None, str] = {int: "a whole number", float: "a number"}

_app = App(
    name="glowback-trio",
    help="Run a backtest here, or serve many backtests and stream their events.",
    help_epilogue=_EXAMPLES,
    help_format="plaintext",
    version=VERSION,
)

# Commands are named by import path, so that `--help` does not load the web stack. Their sentences
# are repeated here because the list of commands is printed without importing them.
for _name, _place, _help in (
    ("demo", "demo:app", "Run a demo backtest on the shipped prices, and print its summary."),
    ("run", "run:app", "Run one backtest here, and print its summary or its result as JSON."),
    ("optimize", "optimizations.optimize:app", "Search the parameters of a backtest here."),
    ("check", "check:app", "Check whether a strategy looks ahead."),
    ("data", "data:app", "List, check and import price files."),
    ("serve", "serve:app", "Serve backtests over HTTP and WebSocket."),
    ("store", "store:app", "Look after the file that a server keeps its runs in; move its runs."),
    ("gateways", "gateways:app", "List the gateways that share the store of a server."),
    ("verify", "verify:app", "Compute a finished run again, and say where it differs."),
    ("warm", "warm:app", "Compile the engine's kernel, which makes later runs faster."),
    ("submit", "runs.submit:app", "Submit a backtest to a server, and print the id of its run."),
    ("stream", "runs.stream:app", "Print a run's events as JSON lines; resume lost connections."),
    ("watch", "runs.watch:app", "Watch a run live, and print its summary when it has completed."),
    ("list", "runs.list_runs:app", "List the runs of a server, newest first."),
    ("show", "runs.show:app", "Print a run's status, its request and its summary."),
    ("results", "runs.results:app", "Print the result of a completed run, or a table of it."),
    ("diff", "runs.diff:app", "Find the first event at which two runs part."),
    ("report", "report:app", "Write a report of a run, an optimization or a comparison."),
    ("edit", "runs.edit:app", "Change the name, the tags or the note of a run."),
    ("pause", "runs.control:pause_app", "Pause a run."),
    ("pace", "runs.control:pace_app", "Let a run go on at another pace."),
    ("resume", "runs.control:resume_app", "Let a paused run go on."),
    ("cancel", "runs.control:cancel_app", "Cancel a run."),
    ("delete", "runs.control:delete_app", "Delete a run with its events and its result."),
):
    _app.command(f"glowback_trio.cli.commands.{_place}", name=_name, help=_help)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The arguments after the program's name; None: those in `sys.argv`.

    Returns:
        The exit code.
    """
    _check_variables(sys.argv[1:] if arguments is None else arguments)
    try:
        code: int | None = _app(
            arguments,
            # Errors are printed and turned into exit codes here, not by the parser.
            print_error=False,
            exit_on_error=False,
            result_action="return_value",
            backend="trio",
        )
    except BaseException as error:  # noqa: BLE001 - an error without an exit code is raised again
        return _exit_code(error)
    return code or 0


def _check_variables(arguments: Sequence[str]) -> None:
    """Forget empty variables, which count as not set, and warn of misspelt ones."""
    for name in [each for each in os.environ if each.startswith("GLOWBACK_")]:
        # Compose files and units pass variables on that are not set, as empty ones.
        if not os.environ[name].strip():
            del os.environ[name]
    # `serve` itself warns of more: it knows the names of all settings.
    if "serve" not in arguments[:1]:
        for sentence in misspelt_variables(os.environ):
            print_warning(sentence)


def _exit_code(error: BaseException) -> int:
    """Print the errors a user should see, and return the exit code."""
    match error:
        # A trio nursery wraps even a single error in a group.
        case BaseExceptionGroup(exceptions=[only]):
            return _exit_code(only)
        case CycloptsError():
            print_error(_usage(error))
            return 2
        case InvalidRequestError(problems=problems):
            for problem in problems:
                print_error(problem)
            return 2
        case GlowbackError():
            print_traceback(error)
            # What to do about it, if a command has added that.
            print_error("; ".join([str(error).rstrip("."), *getattr(error, "__notes__", ())]))
            return 1
        case KeyboardInterrupt():
            return 130
        # An interrupt outweighs the errors of other tasks, which it usually caused.
        case BaseExceptionGroup() if error.subgroup(KeyboardInterrupt):
            return 130
        case BrokenPipeError():
            # The reader of stdout has closed it, as `head` does. Python flushes stdout at exit, and
            # that must not raise again, so the rest goes to /dev/null.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        case _:
            raise error


def _usage(error: CycloptsError) -> str:
    """Return the sentence for wrong usage."""
    match error:
        case MissingArgumentError(keyword=None, argument=Argument(), tokens_so_far=[]):
            names = _missing(error)
            command = " ".join(("glowback-trio", *(error.command_chain or ())))
            verb = "is" if len(names) == 1 else "are"
            return f"{' and '.join(names)} {verb} missing; see `{command} --help`"
        case UnusedCliTokensError(unused_tokens=[*extra]):
            command = " ".join(("glowback-trio", *(error.command_chain or ())))
            return f"{', '.join(map(repr, extra))} is more than it takes; see `{command} --help`"
        case CoercionError(token=Token(keyword=str(option), value=given)) if wanted := _NUMBERS.get(
            error.target_type
        ):
            return f"{option}: Input should be {wanted}, not {given!r}"
        case _:
            return str(error)


def _missing(error: MissingArgumentError) -> list[str]:
    """Return the names of all missing arguments, as the help writes them; the parser names one."""
    given = error.root_input_tokens or []
    rest = given[len(error.command_chain or ()) :]
    known = error.app.assemble_argument_collection() if error.app else [error.argument]
    return [_shown(each) for each in known if each and _is_missing(each, rest)]


def _is_missing(argument: Argument, given: Sequence[str]) -> bool:
    if argument.index is None:
        return argument.required and not set(argument.names) & set(given)
    # One that is given by its place may be any of the words, and is missing where there are none.
    listed = argument.field_info.kind is inspect.Parameter.VAR_POSITIONAL
    return (argument.required or listed) and not (given and listed)


def _shown(argument: Argument) -> str:
    """Write an argument's name as the help does: in capital letters if it is given by its place."""
    name = argument.name
    return name if argument.index is None else name.removeprefix("--").upper()
