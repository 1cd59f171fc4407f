"""`python -m trunkline` is the command line."""

from trunkline.app.cli import main

main()
