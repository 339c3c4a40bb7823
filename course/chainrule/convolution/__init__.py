"""What the notebook of unit 09 imports: `check`, and the pictures in `widgets`."""

from chainrule.check import Check

check = Check("convolution")
