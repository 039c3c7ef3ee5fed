"""Measures companions against the truth: strangers of the procedural world, filmed with the lips they should have."""
