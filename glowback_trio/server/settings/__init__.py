"""Settings of a gateway and its server.

Belongs here: the table of settings, their values, and the rules between them.
Never here: what a setting does.
May be imported by: every part of `server` but `http` and `security`.
"""

from glowback_trio.server.settings.table import Settings

__all__ = ["Settings"]
