"""Dubs one clip with other speech: reads the files, checks the request, runs the networks, writes the video."""
