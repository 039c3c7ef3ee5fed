"""The editor's trainings: it learns from pairs to give a clip other lips, in three phases (METHOD 6 and 7)."""
