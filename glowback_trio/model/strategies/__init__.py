"""Strategies as values: what requests may name, and what custom strategies derive from.

Belongs here: parameters of strategies with their bounds, the API of custom ones, the registry.
Never here: what a strategy does with its parameters (`engine.strategies`), how orders fill.
May be imported by: every room but `serving`.
"""
