"""Engine: execution."""
