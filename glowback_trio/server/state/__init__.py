"""Server: state."""
