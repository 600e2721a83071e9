"""Server: routes."""
