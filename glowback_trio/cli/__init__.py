"""The command line: `glowback-trio`, and `python -m glowback_trio`."""

from glowback_trio.cli.app import main

__all__ = ["main"]
