"""Dubs a clip with an editor: the request and its checks, the networks, the sampling, the joins between clips."""
