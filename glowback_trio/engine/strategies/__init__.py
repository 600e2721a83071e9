"""Arithmetic of strategies: indicators, targets, and the signals made of them.

Belongs here: what each strategy wants to hold, worked out from arrays of prices.
Never here: parameters and their bounds (`model.strategies`), orders, fills, the account.
May be imported by: `engine.batch`, `engine.traders`.
"""
