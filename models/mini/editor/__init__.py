"""The mini editor: its training windows on the procedural world, how it is measured, and how it is shipped."""
