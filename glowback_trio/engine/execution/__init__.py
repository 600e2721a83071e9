"""Fill orders: account, costs, order book, broker, event journal.

Belongs here: everything between an order and its fill on one account, row by row.
Never here: strategies, targets of several orders at once, measures of a result.
May be imported by: every other part of `engine` but `timeline` and `analytics`.
"""
