"""One rebuild without Prefect: `driver` from start to end, `planning` before, `pipeline` between tables and engine."""
