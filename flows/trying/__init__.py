"""Trying a recipe on one file: its stages one after the other in this process, and a page that shows what came out."""
