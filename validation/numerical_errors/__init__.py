"""How wrong the coefficients of the differences engine are, and whether its estimates say so.

``python -m validation.numerical_errors`` differentiates nets of every activation, the toys, the
net of the demo and a controller by other people at 200 events, by finite differences in the
model's own float32 and promoted to float64, and holds them against the exact engine in float64. Of
t_i, and of t_ii and t_ij, it gives

    accuracy          median of |t − t*| / |t*|
    coverage          share of the coefficients with |t − t*| ≤ σ
    estimate / error  median σ / median |t − t*|, and the median of σ / |t − t*|

with t* the truth and σ the error estimate. Coefficients with t* = 0 exactly, as of features that a
response does not depend on, have no relative error, and no ratio says anything about them: the
displaced responses are equal to the last bit, or nearly so, and t is 0 or far more accurate than
the noise allows one to claim. They count for the coverage alone; the ratio with them is given
beside.

The table is ``../numerical_errors.md``. A limit that a row misses has its reason in
``cases.EXPLAINED``; without one the script ends with status 1.
"""
