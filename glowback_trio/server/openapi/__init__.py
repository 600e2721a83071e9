"""Server: openapi."""
