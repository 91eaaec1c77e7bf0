"""How ⟨t⟩ changes while a model learns.

``checkpoints``   the order of checkpoints, and which step each is
``events``        the events that are watched, and sums over them
``tracker``       one model after another: weights swapped where the graph is the same
``variables``     which numbers of a graph are which of a framework's variables
``follower``      follows a model in training; ``with_keras``, ``with_torch``: the frameworks
``learning``      LearningProgress: records steps
``result``        ProgressResult: saved and loaded
"""

from onnxtaylor.tracking.learning import EVENTS, LearningProgress
from onnxtaylor.tracking.result import ProgressResult, TrackedStep

__all__ = ["EVENTS", "LearningProgress", "ProgressResult", "TrackedStep"]
