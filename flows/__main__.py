"""`python -m flows` is `redub`."""

from flows.command.main import main

main()
