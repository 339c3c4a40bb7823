"""What the notebook of unit 04 imports: `check`, and the pictures in `widgets`."""

from chainrule.check import Check

check = Check("mlp")
