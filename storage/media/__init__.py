"""Video, sound and pictures: opened safely, decoded, cropped, encoded, and put together to be looked at."""
