"""Data: cache."""
