"""Cli: options."""
