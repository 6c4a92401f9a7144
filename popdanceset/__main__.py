"""`python -m popdanceset` is `popdanceset`."""

from popdanceset.cli import main

main()
