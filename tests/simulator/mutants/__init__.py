"""Deliberate breakages of the protocol, each with the check that must catch it.

One that no check catches is a hole in the simulator, or shows that what it breaks is not needed.
"""

from . import care, commits, fence, output, pages
from .mutant import MUTANTS, caught, unbroken

__all__ = ["MUTANTS", "care", "caught", "commits", "fence", "output", "pages", "unbroken"]
