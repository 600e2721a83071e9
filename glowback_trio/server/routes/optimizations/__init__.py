"""Optimizations over HTTP: begin, read, steer and follow them.

Belongs here: their handlers and their part of the table of routes.
Never here: searching, what holds for whatever is submitted or has a log (`routes`).
May be imported by: `routes.table`.
"""
