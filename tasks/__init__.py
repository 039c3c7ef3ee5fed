"""The stages: rows in, rows out. They know no orchestrator, no engine and no table format; read `stage` first."""
