"""Run one round: a trio program whose order, time and faults are a list of choices.

Belongs here: the loop's driver, its clock, the choices, and what a round records.
Never here: how choices are searched for, and what may be left behind outside trio.
May be imported by: the other parts of `testing.sim`.
"""
