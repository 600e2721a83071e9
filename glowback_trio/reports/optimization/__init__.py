"""The report of an optimization: the best trial, how likely it is luck, and what was searched.

Belongs here: which figures, tables and charts a section has, and in which order.
Never here: how they are written, and formulas.
May be imported by: `reports`.
"""
