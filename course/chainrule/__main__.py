"""`python -m chainrule`, the same as `chainrule`."""

from chainrule.cli import main

main()
