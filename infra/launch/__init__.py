"""Starts one function on every worker of a training. Read `outcome` for the words, then `driver`."""
