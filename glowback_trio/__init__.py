"""Backtests as actors."""
