"""The commands: read the options, call another room, print what it returns.

Belongs here: one `cyclopts` app per command, with its help, its examples and its output.
Never here: options that two commands share, arithmetic, I/O other than the terminal's.
May be imported by: `cli.app`, by import path, so that `--help` does not load the web stack.
"""
