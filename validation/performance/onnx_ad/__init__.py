"""Products of derivatives, Jacobians and Hessians beside onnx-ad, on the same runtime.

``models``    the models: nets of random weights, and models by other people
``tasks``     what is computed: J v, Jᵀ u, Σ_c u_c H_c v, J, H
``graphs``    the graphs of both programs for a task, and what they are fed
``compare``   times of both in turn, and how far their results are apart
``report``    the table
``__main__``  the command
"""
