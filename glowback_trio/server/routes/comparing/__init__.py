"""Comparing runs over HTTP: where their logs part.

Belongs here: the handler, and what tells two events apart.
Never here: computing a run again to compare it with itself (`compute`).
May be imported by: `routes.table`.
"""
