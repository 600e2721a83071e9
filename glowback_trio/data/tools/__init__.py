"""Data: tools."""
