"""The speech of the world: phones, the movement they make, and how that sounds."""
