"""Data: files."""
