"""Promotes an editor with its experts: which checkpoints, do they belong together, do they pass the gates."""
