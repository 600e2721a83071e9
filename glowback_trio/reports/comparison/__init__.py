"""The report of a comparison: several runs side by side.

Belongs here: curves on one scale, metrics with the best ones, how the requests differ.
Never here: how they are written, and formulas.
May be imported by: `reports`.
"""
