"""The demo: a negative binomial regression on the RAND Health Insurance Experiment."""

from bootmle.demo.rand import NAMES, load_rand, nb2_nll
from bootmle.demo.show import run

__all__ = ["NAMES", "load_rand", "nb2_nll", "run"]
