"""onnxruntime: how a graph is run.

``provider``    the hardware: providers and processors
``semantics``   the options under which onnxruntime computes what the file says
``session``     sessions that can be called on rows of features, bound buffers
``reason``      onnxruntime's messages in one line
``promotion``   a function rewritten in double precision, and verified
``sharing``     the events of a batch shared among threads
``tensors``     every tensor of a graph
``observe``     every tensor of a function, at two and at three events
"""
