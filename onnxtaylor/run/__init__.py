"""The verbs on one problem, wired.

``analyze``        the main job: problem → engine → batches → sums → result
``asked``          what the keywords of an analysis ask for, without contradictions
``begun``          an analysis that is prepared: events, or parts of them, are summed
``prepare``        sizes of an analysis, and its warnings, before the first batch
``sums``           memory of the sums over all events, and the replicates that it allows
``pairs``          chosen pairs alone: named ones, or the highest ranked at a sample
``folds``          k-fold models: events go through the model of their fold; ``fold_plan``
``accumulate``     batch by batch: events → coefficients → sums
``measure``        a run that is begun: seconds of an event and of a result
``forecast``       the line on the cost of a run that takes longer than a minute
``plan``           time and memory of an analysis, from a short measurement
``facts``          everything that the sums depend on
``head``           everything of a result but its numbers; ``sound_head``: checked
``summarize``      the head of a result, assembled from model, data and options
``doubt``          events that make a coefficient, and that a check has not seen
``divided``        one analysis in parts: shards, merging, the workers of Dask
``differentiate``  value, Jacobian and Hessian as a function and as a file
``derivatives``    these as a function that can be called
``derivatives_by_size``  the same for sets of varying size
``inspect``        inputs, outputs and operators of a model, and the engine for it
``isolation``      a verb in a process of its own, for models that are not trusted
``describe_inputs``  a specification of a model's inputs, read and checked, or guessed
"""
