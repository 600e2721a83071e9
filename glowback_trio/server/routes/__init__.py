"""Handle the routes.

Belongs here: one handler per route, and the table of all of them.
Never here: checks that several routes share (`pipeline`).
May be imported by: `app`.
"""
