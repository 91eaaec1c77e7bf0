"""onnxruntime: how a graph is run.

``session``    sessions: providers, threads, bound buffers
``semantics``  the options under which it computes what the file says
``promotion``  the function in double precision, verified
``sharing``    the events of a batch among threads
``observe``    every tensor of a graph, once
"""
