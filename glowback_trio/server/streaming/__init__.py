"""Server: streaming."""
