"""Limits that a model must keep before anything runs it: what is refused, and where it stands.

Models are untrusted. onnxruntime checks much of what it loads, but a model made to hurt can make it
end the process, take all memory, or run for ever. What can be seen in the file itself is refused
here, in one line that names the node; nothing is allocated, run or written out to find it.

=========================  ========================================================================
names                      are text in UTF-8; a tensor is computed once, and not from itself
nodes                      are at most 100 000, with all calls of functions written out, which are
                           nested at most 64 deep; subgraphs are nested at most 64 deep
attributes                 have the type that the operator gives them; sizes among them (kernels,
                           strides, heads, groups, outputs of a Split, …) are from 1 to 2³¹ − 1
constants                  have as many values as their shape says, in one piece
tables of trees            have columns of equal length; every tree is a tree; leaves, features and
                           responses that are named exist
other tables               of ai.onnx.ml have lengths that fit together
whole numbers              no constant is divided by 0, and not the least int64 by −1
loops                      have a number of turns up to 2³¹ or a condition that can end them
inputs                     have at most 2²² numbers for each event
tensors                    take at most 512 MiB for one event, or twice the size of the file if that
                           is more, and all of them together 16 GiB, as far as their shapes follow
                           from the file; that includes what a loop collects and what an Einsum
                           computes on its way
=========================  ========================================================================

The environment variable ``ONNXTAYLOR_LIMITS`` raises the limits on numbers of nodes and sizes of
tensors: with 4 they are four times as large.

``names``       text, and which node computes what
``attributes``  nodes against the definitions of their operators
``constants``   stored values against their shapes
``tables``      models of ai.onnx.ml; ``trees``: ensembles of trees
``calls``       nodes, functions and how deep they are nested
``values``      small tensors that follow from constants and shapes
``einsum``      the largest tensor on the way of an Einsum
``sizes``       shapes of all tensors, for one event
``place``       a node's place, in words; the factor of ``ONNXTAYLOR_LIMITS``
``blame``       an exception of ours on a model that is not valid ONNX is the model's fault
"""

from __future__ import annotations

import onnx

from onnxtaylor.graph.endless import require_finite_loops
from onnxtaylor.graph.limits.attributes import require_attributes
from onnxtaylor.graph.limits.blame import blame_invalid_model
from onnxtaylor.graph.limits.calls import require_few_nodes
from onnxtaylor.graph.limits.constants import require_constants
from onnxtaylor.graph.limits.names import require_names
from onnxtaylor.graph.limits.sizes import require_sizes
from onnxtaylor.graph.limits.tables import require_tables

__all__ = ["blame_invalid_model", "require_limits"]


def require_limits(proto: onnx.ModelProto, where: str) -> None:
    """Raises ModelError, which names ``where`` and the node, for a model beyond the limits.

    Its external tensors must be loaded, and its sparse constants dense.
    """
    require_names(proto, where)
    require_few_nodes(proto, where)
    require_attributes(proto, where)
    require_constants(proto, where)
    require_tables(proto, where)
    require_finite_loops(proto, where)
    require_sizes(proto, where)
