"""Cli: commands."""
