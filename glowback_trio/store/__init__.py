"""Memory: event logs and run records. Synchronous inside, no tasks."""
