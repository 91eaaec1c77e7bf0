"""Studies that hold the package against results it did not make itself.

Against TensorFlow's analytic derivatives, against closed forms, against the published figures; and
the scripts that made the files shipped in ``onnxtaylor/demo``. Nothing here is installed: run the
modules from the root of the repository, ``python -m validation.NAME``. Data from outside the
repository is found through the environment variable ``ONNXTAYLOR_DATA``.
"""
