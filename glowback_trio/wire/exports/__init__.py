"""Exports: a finished run as one file, by which it moves from one server to another.

Belongs here: the form of the file and of packed results, the checks of what came from outside.
Never here: files and sockets, computing anything again. No part of a file is ever unpickled.
May be imported by: `store`, `compute`, `actors`, `server` and `cli`.
"""
