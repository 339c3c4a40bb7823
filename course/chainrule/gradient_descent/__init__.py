"""What the notebook of unit 02 imports: `check`, and the pictures in `widgets`."""

from chainrule.check import Check

check = Check("gradient_descent")
