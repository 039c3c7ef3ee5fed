"""What people run: the Prefect flow, the recipes, and in folders the rebuild, the command, and what both show."""
