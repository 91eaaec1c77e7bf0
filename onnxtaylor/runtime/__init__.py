"""onnxruntime: how a graph is run.

``provider``    the hardware: providers and processors
``semantics``   the options under which onnxruntime computes what the file says
``whole_products``  products of whole numbers that no processor cuts off
``session``     sessions that can be called on rows of features
``bound``       calls of a session with bound buffers
``bounded``     a time limit for graphs with loops
``reason``      onnxruntime's messages in one line
``promotion``   a function rewritten in double precision, and verified
``sharing``     the events of a batch shared among threads
``tensors``     every tensor of a graph
``resident``    memory that the process holds, and its peak
``flops``       operations and bytes of a graph, counted from its shapes
``operations``  operations of a node
``observe``     every tensor of a function, at two and at three events
``shapes``      the shapes of all tensors, without a run
``liveness``    the peak memory of a graph, without a run
``available``   memory that this process may still take
"""
