"""Kill a rebuild at random moments and see that running it again ends with the very same rows."""
