"""Runs: the parts that a run is made of.

Belongs here: whether a run is taken on, its work, what its events do to its status, their pace.
Never here: what outlives a run, optimizations.
May be imported by: `actors`.
"""
