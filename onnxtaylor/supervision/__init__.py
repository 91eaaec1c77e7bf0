"""Work in a process of its own, and a watch over it: crashes, memory, time.

Models are untrusted, and native code runs them: onnxruntime may crash on one, take all memory, or
never end. No Python code can catch that in its own process. So the work is done in a worker, and
another process, its parent, watches it and says in one line how it ended.

``notes``     memory that both share: what is at work, and the limits
``work``      what the worker writes there; nothing happens where nobody watches
``limits``    how long a model may be opened, and how much memory may be taken
``watch``     the parent's look at the worker: memory, processor time, limits
``held``      memory that a process holds
``lifeline``  the worker ends with its parent
``ended``     how a worker ended, in one line
``isolated``  a function of this package in a worker, for Python
``serving``   the worker's side of it

The command line makes its worker in ``onnxtaylor.cli.supervisor``.
"""
