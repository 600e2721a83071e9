"""Turn strategies into orders, row by row.

Belongs here: who decides on which rows what to order, and the portfolio construction behind it.
Never here: prices, costs and sizes of fills; measures of a result; clocks, files, tasks.
May be imported by: `engine.simulation`.
"""
