"""Tasks: runs, their broadcasters, and the gateway that owns them."""
