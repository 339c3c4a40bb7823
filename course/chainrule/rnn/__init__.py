"""What the notebook of unit 13 imports: `check`, and the pictures in `widgets`."""

from chainrule.check import Check

check = Check("rnn")
