"""Second order across kinks: do ReLU nets show what they have learned?

    python -m validation.curvature

Nets of ReLU, LeakyReLU, ELU and GELU on the Gaussian toys, whose ⟨t⟩ is known in closed form
(``validation.toys``); a ReLU net of the Higgs challenge beside tanh nets; what a ReLU net learns
first. ``nets`` trains and analyzes, ``judge`` says how near the closed form is, ``higgs`` compares
rankings, ``progress`` tracks a training, ``figures`` draws, ``telling`` writes the section of the
README.
"""

from validation.curvature.study import STUDY

__all__ = ["STUDY"]
