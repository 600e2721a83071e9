"""Look for the choices that break a program, make them few, and write them down.

Belongs here: strategies, shrinking, tokens, findings and their report.
Never here: how one round runs.
May be imported by: `testing.sim`, and tests.
"""
