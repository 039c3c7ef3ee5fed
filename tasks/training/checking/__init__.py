"""Checks a training before it starts: what would fail in hours is refused in seconds, with rows and remedy.

`everything` puts the checks in order. Each is a small function that takes what it needs and yields findings.
"""
