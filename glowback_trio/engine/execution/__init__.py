"""Fill orders: account, costs, order book, broker, event journal.

Belongs here: everything between an order and its fill on one account, row by row.
Never here: strategies, targets of several orders at once, measures of a result.
May be imported by: `engine.batch`, `engine.traders`, `engine.accounting`, `engine.reporting`.
"""
