"""Says how alike two pictures are."""
