"""Pictures to look at: contact sheets and mosaics of rows, with captions in any script."""
