"""The same against PyTorch and JAX, and one set of weights in three frameworks.

    python -m validation.frameworks

``in_pytorch`` and ``in_jax`` hold networks, exporters and derivatives of their framework,
``one_set`` builds one network in Keras, PyTorch and JAX, ``study`` runs and claims, ``telling``
writes the section of the README. Where one of the packages is missing the study is skipped, and
what it measured before stays as it is.
"""

from validation.frameworks.study import STUDY

__all__ = ["STUDY"]
