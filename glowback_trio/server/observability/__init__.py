"""Server: observability."""
