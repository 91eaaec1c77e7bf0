"""The verbs on one problem, wired.

``analyze``        the main job: problem → engine → batches → sums → result
``prepare``        sizes of an analysis, and its warnings, before the first batch
``accumulate``     batch by batch: events → coefficients → sums
``summarize``      the numbers and what they came from, put together as a result
``differentiate``  value, Jacobian and Hessian as a function and as a file
``inspect``        what a model offers, and which engine would take it
"""
