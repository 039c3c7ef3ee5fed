"""Video, sound and pictures: opened safely, decoded, cropped, encoded."""
