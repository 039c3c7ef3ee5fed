"""A tiny dataset of words, to test what is not about video: files become lines, lines get a length and
a verdict. `run_inline` runs the real feeds, workers and sinks in this process, without Ray."""
