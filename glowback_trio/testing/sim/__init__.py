"""Simulate what can go wrong in any trio program: seeded schedules, faults at every step.

Belongs here: test parts that stand on trio and the standard library alone.
Never here: anything that knows gateways, runs or servers; numpy, attrs or other packages.
May be imported by: `testing`, and tests of any trio program.
"""
