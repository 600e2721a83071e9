"""Testing: sim."""
