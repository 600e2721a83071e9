"""The command line: `glowback-trio`, and `python -m glowback_trio`.

Belongs here: commands, their flags, and what they print; every error as one line on stderr.
Never here: work that a program could not do as well through the other rooms.
May be imported by: `__main__` only.
"""

from glowback_trio.cli.app import main

__all__ = ["main"]
