"""Learning progress: ⟨t⟩ along a series of checkpoints, or step by step while a model is trained.

``checkpoints``   the order of checkpoints, and the step of each
``events``        the events that are watched, and sums over them
``tracker``       one model after another: weights swapped where the graph is the same
``variables``     the numbers of a graph that belong to a framework's variables
``follower``      follows a model in training; ``with_keras``, ``with_torch``: the frameworks
``learning``      LearningProgress: records steps
``agreement``     graphs with swapped weights compared with their models
``result``        ProgressResult: saved and loaded; ``step``: one of its steps
"""

from onnxtaylor.tracking.learning import EVENTS, LearningProgress
from onnxtaylor.tracking.result import ProgressResult
from onnxtaylor.tracking.step import TrackedStep

__all__ = ["EVENTS", "LearningProgress", "ProgressResult", "TrackedStep"]
