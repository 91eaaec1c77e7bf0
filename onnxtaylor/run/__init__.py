"""The verbs on one problem, wired.

``analyze``        the main job: problem → engine → batches → sums → result
``prepare``        sizes of an analysis, and its warnings, before the first batch
``accumulate``     batch by batch: events → coefficients → sums
``summarize``      numbers and their provenance, assembled to a result
``differentiate``  value, Jacobian and Hessian as a function and as a file
``derivatives``    these as a function that can be called
``derivatives_by_size``  the same for sets of varying size
``inspect``        inputs, outputs and operators of a model, and the engine for it
``describe_inputs``  a specification of a model's inputs, read and checked, or guessed
"""
