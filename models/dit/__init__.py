"""The dubbing networks: one video DiT as generator and as editor, what it is shown, how it learns and samples."""
