"""`python -m bridge` is `folkmoot`."""

from bridge.cli import main

main()
