"""Runs: the parts that a run is made of.

Belongs here: what a run's events do to its status, and when the next ones are emitted.
Never here: tasks, slots, other actors.
May be imported by: `actors`.
"""
