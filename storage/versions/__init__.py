"""Published versions of a dataset, and questions about them: lineage, differences, deletion."""
