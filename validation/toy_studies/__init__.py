"""Trained networks on the Gaussian toys: does ⟨t⟩ name what separates the classes?

    python -m validation.toy_studies

Scenarios A to D of two inputs and E of three (``validation.toys``), whose ideal response and ⟨t⟩
are known in closed form. ``nets`` trains and analyzes, ``patterns`` says which order is expected,
``figure`` draws, ``telling`` writes the section of the README.

Source: Wunsch, Friese, Wolf, Quast, Comput. Softw. Big Sci. 2 (2018) 5, arXiv:1803.08782.
"""

from validation.toy_studies.study import STUDY

__all__ = ["STUDY"]
