"""This model on these data, opened once: the ``Problem`` that every verb takes.

``problem``     ``Problem``: function, session, source, survey, names, first events
``calls``       the first arguments of a public function: model and data, or a ``Problem``
``events``      the data, matched with the names that the model carries
``fed_inputs``  which inputs data can feed, and what each takes
``specified``   what a specification of inputs says of data and responses
``roles``       the role of each input, for results and readers
``opening``     a model file becomes a function that can be called
``responses``   names of the response nodes, and which are chosen
``axes``        whether the first axes of several inputs count events
``own_inputs``  the model with its own inputs, whatever their axes count
``batching``    a free batch, a link, no empty tensors
``batchless``   models of one event, lifted to a batch
``looked``      the first pass over the data, or a survey that was made before
``jagged``      which columns are slots of sets of varying size
``buckets``     a function for each size of such sets
``empty``       sets without objects
``slots``       which slots of sets are filled
``alone``       models that depend on their batch, one event at a time
``probes``      an event responds alone as in a batch, twice in the same way, and finitely
``deployed``    whether onnxruntime's optimizations change the function, here or for other users
``standins``    stand-ins for events, where there are no data
``hygiene``     suspicious signs in data and responses; ``few_events``: in the sums
``rounding``    the effect of the inputs' number format on the data
``whole_numbers``  whole numbers and truth values that would become other ones
``unvarying``   responses that are the same at every event
"""

from __future__ import annotations

from onnxtaylor.problem.problem import ModelSource, Problem

__all__ = ["ModelSource", "Problem"]
