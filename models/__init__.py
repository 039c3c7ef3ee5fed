"""Networks, the adapters to other people's models, and the procedural world that the small ones learn from."""
