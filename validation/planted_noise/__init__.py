"""Planted noise: a feature without information has to fall to the bottom of the ranking.

    python -m validation.planted_noise

``higgs``   features of the Higgs challenge, replaced one at a time by a permutation of their column
``toy``     a third input of pure noise beside scenario C, by the number of training events
``figure``, ``telling``   the figure; the claims and the section of the README

The real data are found through ``ONNXTAYLOR_DATA``.
"""

from validation.planted_noise.study import STUDY

__all__ = ["STUDY"]
