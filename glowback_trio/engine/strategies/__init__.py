"""Engine: strategies."""
