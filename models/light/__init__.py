"""The light in a clip: how evenly it falls on the face, and one change of it for two videos."""
