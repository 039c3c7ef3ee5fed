"""Finds hands in pictures."""
