"""Trains the networks of a dubbing: recipes, batches, the loop, and what it leaves behind."""
