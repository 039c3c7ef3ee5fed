"""`python -m flows` is `redub`."""

from flows.cli import main

main()
