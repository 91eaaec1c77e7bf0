"""What a network learns first: ⟨t⟩ after each gradient step of the mixed scenario.

    python -m validation.learning_progress

Scenario C of ``validation.toys`` separates its classes by the means of two inputs and by their
correlation. ``forms`` has what is known without training, of the best response and of the best
linear logit; ``nets`` trains networks and tracks them; ``figure`` draws, ``telling`` writes.

Source: Wunsch, Friese, Wolf, Quast, Comput. Softw. Big Sci. 2 (2018) 5, arXiv:1803.08782.
"""

from validation.learning_progress.study import STUDY

__all__ = ["STUDY"]
