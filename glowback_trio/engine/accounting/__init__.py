"""Turn recorded fills into a curve, a ledger and statements.

Belongs here: cash, equity, average cost, realised profit and round trips, from the event journal.
Never here: decisions, prices of fills, measures such as returns and ratios.
May be imported by: `engine.simulation`, `engine.reporting`.
"""
