"""All Taylor coefficients up to second order of a dense net: our engines, peers, and the limit.

``python -m validation.performance.peers`` computes ⟨t⟩ of all n(n+3)/2 coefficients of every
response (495×5 for 30→200→200→5) with the same float32 weights and events in every program, from
arrays to sums:

    exact               our exact engine and accumulator
    differences         our differences engine and accumulator
    jax                 jit(vmap(jacfwd(jacrev))), the gradient out of the same sweep
    jax-hessian         jit of vmap(jax.hessian) and vmap(jax.jacrev)
    torch               torch.func: vmap(jacfwd(jacrev)), the gradient out of the same sweep
    torch-compile       the same, traced by make_fx and compiled by torch.compile
    tensorflow-xla      forward accumulator over a tape, tf.function(jit_compile=True)
    tensorflow-forward  the same without XLA
    tensorflow          batch_jacobian of batch_jacobian, tf.function
    limit               plain matrix products of as many FLOPs as the formula needs

and where second order is averaged over steps, by the formula of its definition,

    exact, limit        as above
    jax-averaged        jit of vmap(jacrev) at both ends of each step, and of the responses
    torch-averaged      torch.func: the same
    torch-averaged-compile  the same, traced by make_fx and compiled by torch.compile

Each runs in a process of its own with the same number of threads, confined to as many processors,
at the fastest of several batch sizes, compiled before it is timed (compile times are reported
beside). A program and the exact engine are then timed in turn, again and again, and nothing else
beside them: reported are the medians of the rates, and of the ratios of each pair. ⟨t⟩ must agree
norm-wise with that of the exact engine to 1e-4, or the exit status is 1; the deviation of
``differences``, which is theirs by nature, is reported alone. What is not installed or fails is
reported as such, and what needs longer than ``--limit`` as ``>limit``.

One net is measured in one call, all programs or a few, and kept as JSON in ``measured/``, where a
later call for other programs on the same machine adds its rows: each row holds its own pairs.

``net``        the nets, and the FLOPs of the formula: 5.7 MFLOP an event for 30→200→200→5
``programs``   the programs by name; ``engines``, ``with_…``, ``products`` hold them
``process``    a program in a process of its own; ``worker`` is what runs there
``search``     the fastest batch size
``compare``    pairs of timings
``report``     tables
"""
