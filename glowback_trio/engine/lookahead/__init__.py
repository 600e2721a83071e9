"""Check that a strategy does not look ahead: past decisions must not depend on later bars.

Belongs here: which bars are taken away or changed, replays of a strategy, and their comparison.
Never here: fills and measures; what is wrong with a request; clocks, files, tasks.
May be imported by: `compute`, and programs as `check_strategy`.
"""
