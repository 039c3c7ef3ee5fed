"""Says whether lips and sound belong together."""
