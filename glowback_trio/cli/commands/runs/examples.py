"""Examples for `--help`, of which every command has some."""

from __future__ import annotations

from cyclopts import App

__all__ = ["RUN_ID", "make_command"]

#: A run's id, for examples.
RUN_ID = "6f1c2a4e-0d6b-4f2e-9a35-0d9f3f1f2b11"


def make_command(name: str, *examples: str) -> App:
    """Make the app of a command.

    Args:
        name: The command.
        examples: What may follow the command, such as its arguments.
    """
    lines = [f"  glowback-trio {name} {each}".rstrip() for each in examples]
    heading = "Examples:" if len(lines) > 1 else "Example:"
    epilogue = "\n".join([heading, "", *lines])
    return App(name=name, help_format="plaintext", help_epilogue=f"{epilogue}\n")
