"""The verbs on one model, wired.

``analyze``        the main job: model and data → engine → batches → sums → result
``prepare``        all that is made before the first batch
``accumulate``     batch by batch: events → coefficients → sums
``summarize``      the numbers and what they came from, put together as a result
``differentiate``  value, Jacobian and Hessian as a function and as a file
``inspect``        what a model offers, and which engine would take it
"""
