"""Trains networks from a dataset version: typed recipes, one loop, checkpoints that it resumes from exactly."""
