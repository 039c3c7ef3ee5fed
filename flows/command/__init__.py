"""The `redub` command: one file a group of commands, each with its signature, its help, and one late import.

Libraries are imported by the functions that are called, so that `redub --help` is quick.
"""
