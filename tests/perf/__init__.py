"""`make bench`: ratios against the peer a user would pick, taken in one run on one machine."""
