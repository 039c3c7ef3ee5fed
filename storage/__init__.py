"""Rows, tables, versions, sources and media: the only home of Lance."""
