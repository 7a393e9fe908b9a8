"""Deliberate breakages of the protocol, each with the check that must catch it.

One that no check catches is a hole in the simulator, or shows that what it breaks is not needed.
"""

from . import commits, fence, output, pages
from .mutant import MUTANTS, caught

__all__ = ["MUTANTS", "caught", "commits", "fence", "output", "pages"]
