"""Engine: batch."""
