"""The course's data sets. Each has a module, a file and a data sheet of the same name."""

from chainrule.data.breast_cancer import BreastCancer, breast_cancer
from chainrule.data.concert import Concert, concert

__all__ = ["BreastCancer", "Concert", "breast_cancer", "concert"]
