"""The course's data sets. Each has a module, a file and a data sheet of the same name."""

from chainrule.data.breast_cancer import BreastCancer, breast_cancer
from chainrule.data.california_houses import CaliforniaHouses, california_houses
from chainrule.data.concert import Concert, concert
from chainrule.data.digits import digits
from chainrule.data.fashion_mnist import fashion_mnist
from chainrule.data.first_names import FirstNames, first_names
from chainrule.data.mnist import mnist
from chainrule.data.photograph import photograph
from chainrule.data.shakespeare import shakespeare
from chainrule.data.sunspots import Sunspots, sunspots

__all__ = [
    "BreastCancer",
    "CaliforniaHouses",
    "Concert",
    "FirstNames",
    "Sunspots",
    "breast_cancer",
    "california_houses",
    "concert",
    "digits",
    "fashion_mnist",
    "first_names",
    "mnist",
    "photograph",
    "shakespeare",
    "sunspots",
]
