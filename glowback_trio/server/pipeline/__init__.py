"""Server: pipeline."""
