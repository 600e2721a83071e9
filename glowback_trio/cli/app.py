"""The commands by name, and how every one of them ends.

Exit codes: 0 done, 1 a run or a connection failed, 2 bad usage, 130 interrupted. Whatever a user
can do wrong ends in one line per complaint on stderr, never in a traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from glowback_trio.cli.messages import print_error
from glowback_trio.errors import GlowbackError, InvalidRequestError
from glowback_trio.version import VERSION

__all__ = ["main"]

_EXAMPLES = """\
Try first:

  glowback-trio demo
  glowback-trio COMMAND --help
"""

_app = App(
    name="glowback-trio",
    help="Backtests as actors: run one here, or serve many and stream what happens in them.",
    help_epilogue=_EXAMPLES,
    help_format="plaintext",
    version=VERSION,
)

# By import path, so that asking for help does not load the web stack. The sentence stands here
# because the list of commands is printed without loading them.
for _name, _place, _help in (
    ("demo", "demo:app", "Watch a backtest on real prices, then read its summary."),
    ("run", "run:app", "Run one backtest here and print its summary or its result as JSON."),
    ("data", "data:app", "Find and list price data."),
    ("serve", "serve:app", "Serve backtests over HTTP and WebSocket."),
    ("submit", "submit:app", "Start a backtest on a server and print the id of its run."),
    ("stream", "stream:app", "Print a run's events as lines, resuming after every cut."),
    ("list", "runs:list_app", "List the runs of a server, newest first."),
    ("show", "runs:show_app", "Show where a run stands."),
    ("results", "runs:results_app", "Print the result of a completed run, or a table of it."),
    ("cancel", "runs:cancel_app", "Cancel a run."),
):
    _app.command(f"glowback_trio.cli.commands.{_place}", name=_name, help=_help)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: What follows the program's name; None: take them from `sys.argv`.

    Returns:
        The exit code.
    """
    try:
        code: int | None = _app(
            arguments,
            print_error=False,
            exit_on_error=False,
            result_action="return_value",
            backend="trio",
        )
    except BaseException as error:  # noqa: BLE001 - what has no exit code is raised again
        return _exit_code(error)
    return code or 0


def _exit_code(error: BaseException) -> int:
    """Say what a user has to know about the end of a command."""
    match error:
        case BaseExceptionGroup(exceptions=[only]):
            return _exit_code(only)
        case CycloptsError():
            print_error(error)
            return 2
        case InvalidRequestError(problems=problems):
            for problem in problems:
                print_error(problem)
            return 2
        case GlowbackError():
            print_error(error)
            return 1
        case KeyboardInterrupt():
            return 130
        case BaseExceptionGroup() if error.subgroup(KeyboardInterrupt):
            return 130
        case BrokenPipeError():
            # The reader of stdout has left, as `head` does. What is buffered has nowhere to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        case _:
            raise error
