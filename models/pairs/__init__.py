"""Measures how far two videos of one clip, which are to differ in the lips alone, do so; over arrays, without a file."""
