"""A procedural world of talking heads, in which everything is known that real footage hides."""
