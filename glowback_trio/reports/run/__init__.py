"""The report of a run: its sections, each made of what the engine has worked out.

Belongs here: which figures, tables and charts a section has, and in which order.
Never here: how they are written, and formulas.
May be imported by: `reports`.
"""
