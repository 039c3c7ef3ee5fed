"""Trains and measures what a claim of the paper needs, on the procedural world, and judges the claim."""
