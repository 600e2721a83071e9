"""Engine: traders."""
