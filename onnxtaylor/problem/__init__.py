"""This model on these data, opened once: the ``Problem`` that every verb takes.

``problem``   ``Problem``: function, session, source, survey, names, first events
``events``    the data, matched with the names that the model carries
``opening``   a model file becomes a function that can be called
``responses`` names of the response nodes, and which are chosen
``axes``      whether the first axes of several inputs count events
``alone``     models that depend on their batch, one event at a time
``probes``    an event alone, twice the same, finite
``deployed``  whether others get the same from the file; whether optimizations keep it
``standins``  numbers in place of events, where there are no data
``hygiene``   what is suspicious about data and responses
``rounding``  what the number format of the inputs does to the data
``unvarying`` responses that are the same at every event
"""

from __future__ import annotations

from onnxtaylor.problem.problem import ModelSource, Problem

__all__ = ["ModelSource", "Problem"]
