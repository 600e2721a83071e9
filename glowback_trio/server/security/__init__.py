"""Server: security."""
