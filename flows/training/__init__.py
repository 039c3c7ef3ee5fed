"""One training without Prefect: what is asked for, its data, its rows, and the launch."""
