"""All Taylor coefficients of taggers of sets and sequences: the exact engine beside PyTorch.

``python -m validation.performance.taggers`` computes ⟨t⟩ of all coefficients of order 1, and up to
order 2, of networks that PyTorch exports with weights of a fixed seed, from arrays to sums:

    exact          our exact engine and accumulator
    torch          torch.func: vmap(jacrev), and vmap(jacfwd(jacrev)) with the gradient out of it
    torch-compile  the same, traced by make_fx and compiled by torch.compile
    backward       DeepJet-like net, order 1: one reverse pass of the batch for each output

Each runs in a process of its own with two threads and 12 GiB of address space, at the fastest of
several batch sizes; a program and ours are timed in turn. Peak memory is the process's, libraries
included (PyTorch alone takes about 220 MiB, ours 150). ⟨t⟩ must agree to 1e-4, or the exit status
is 1. Peers, rows and pairs are those of ``validation.performance.peers``.

``modules``     the networks in PyTorch; ``export`` writes them as ONNX
``tagger``      the networks by name, and the events
``programs``    the programs by name; ``with_torch`` holds those of PyTorch
``worker``      what runs in a process
``compare``     pairs of timings
``report``      the table
"""
