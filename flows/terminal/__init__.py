"""What the commands do and print: each asks a catalog or starts a run, and shows the answer in 80 columns."""
