"""Trials of one strategy on one symbol, evaluated together in arrays, to the last bit of each.

Belongs here: which trials that can be, their orders, fills, curves and metrics side by side.
Never here: a rule of its own about signals, prices, costs or metrics.
May be imported by: `engine.trials`.
"""
