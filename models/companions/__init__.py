"""Makes companions: whole clips whose faces say something else, painted segment by segment (METHOD 5)."""
