"""The demo: renders videos of the procedural world, spoils copies of some, and rebuilds a dataset from them."""
