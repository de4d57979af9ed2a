"""`python -m waystation` is the command line."""

from waystation.cli import main

main()
