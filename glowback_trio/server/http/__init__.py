"""Server: http."""
