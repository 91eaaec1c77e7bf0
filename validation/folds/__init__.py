"""k-fold models: two networks on the Higgs data, each applied to the events that it did not see.

    python -m validation.folds

``trainings`` makes the networks, ``study`` compares the folded analysis with two analyses that are
combined by hand and with gradients by TensorFlow, ``telling`` writes.
"""

from validation.folds.study import STUDY

__all__ = ["STUDY"]
