"""The tables of a catalog: what was computed, what is left to do, and who may write. Read `table`, then `selection`."""
