"""A rebuild from the command line: checked before anything starts, run in this process, shown, and stopped by Ctrl-C."""
