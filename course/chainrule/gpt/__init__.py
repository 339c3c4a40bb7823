"""What the notebook of unit 17 imports: `check`, and the pictures in `widgets`."""

from chainrule.check import Check

check = Check("gpt")
