"""Both engines against TensorFlow's nested GradientTapes, for Keras networks of every kind.

    python -m validation.tensorflow_hessians

``reference`` takes TensorFlow's derivatives and proves them, ``networks`` builds, ``exporters``
writes ONNX files by Keras and by tf2onnx, ``compare`` holds them against one another, ``claims``
says what of it holds, ``figure`` draws, ``telling`` writes the section of the README.
"""

from validation.tensorflow_hessians.study import STUDY

__all__ = ["STUDY"]
