"""Runs the stages of a rebuild at once on warm Ray actors. Read `jobs` for the words, then `loop`."""
