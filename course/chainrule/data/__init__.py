"""The course's data sets. Each has a module, a file and a data sheet of the same name."""

from chainrule.data.breast_cancer import BreastCancer, breast_cancer
from chainrule.data.california_houses import CaliforniaHouses, california_houses
from chainrule.data.concert import Concert, concert
from chainrule.data.digits import digits
from chainrule.data.fashion_mnist import fashion_mnist
from chainrule.data.mnist import mnist

__all__ = [
    "BreastCancer",
    "CaliforniaHouses",
    "Concert",
    "breast_cancer",
    "california_houses",
    "concert",
    "digits",
    "fashion_mnist",
    "mnist",
]
