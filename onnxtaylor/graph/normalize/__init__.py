"""Passes that bring a graph into the form that rules are written for; one per file.

``inline``       the model's own functions: their nodes
``loops``        a Loop or Scan that runs a known number of times (``trips``): copies of its body
``upgrade``      operators of other opsets: those of one opset
``contributed``  onnxruntime's own operators: those of ONNX (with ``fused``)
``branch``       an If whose condition is known: the branch that is taken; another: a choice of both
``sequences``    sequences whose length and indices are known: their tensors
``places``       many Gathers of one place of a tensor each: one Split
``classical``    scalers, linear models and support vector machines of ai.onnx.ml: arithmetic
``masked``       a softmax whose rows may be fully masked: a softmax with finite adjoint
``composite``    norms, normalizations (``layers``), ``attention``, places between elements
                 (``sampled``) and others: elementary operators
``unrounded``    operators that onnxruntime rounds in double precision: arithmetic
``expand``       operators with an official function body and no rule: that body
``unroll``       recurrent layers of a fixed length: the operators of their cells
``windows``      convolutions and pools in double precision: gathers and products
``resize``       interpolations in double precision: products (for ``graph.promote``)
``stored``       weights stored as whole numbers: their floating-point values (likewise)
``special``      functions without a kernel in double precision: arithmetic, with ``erf`` (likewise)
``writer``       writes nodes in place of others, for all these passes

Each pass takes and returns a ModelProto, whose values stay the same up to round-off. Docstrings
state what a pass Requires of a graph and what it Ensures.
"""

from collections.abc import Set

import onnx
from onnx import TensorProto

from onnxtaylor.graph.normalize.branch import Shapes, blend_branches, settle_branches
from onnxtaylor.graph.normalize.classical import expand_classical
from onnxtaylor.graph.normalize.composite import COMPOSITE, expand_composite
from onnxtaylor.graph.normalize.contributed import expand_contributed, mark_contributed
from onnxtaylor.graph.normalize.expand import expand
from onnxtaylor.graph.normalize.inline import inline
from onnxtaylor.graph.normalize.loops import settle_loops, unroll_loops
from onnxtaylor.graph.normalize.masked import keep_masked_rows_finite
from onnxtaylor.graph.normalize.places import split_places
from onnxtaylor.graph.normalize.sequences import settle_sequences
from onnxtaylor.graph.normalize.unroll import unroll
from onnxtaylor.graph.normalize.unrounded import unrounded
from onnxtaylor.graph.normalize.upgrade import OPSET, upgrade
from onnxtaylor.graph.normalize.windows import expand_windows

# operators without a rule of their own that these passes write in others that have one
WRITTEN_OUT = COMPOSITE | {"GRU", "If", "LSTM", "Loop", "RNN", "Scan"}

__all__ = [
    "OPSET",
    "WRITTEN_OUT",
    "blend_branches",
    "modernize",
    "normalize",
    "settle_branches",
    "settle_loops",
    "settle_sequences",
    "simplify",
    "split_places",
    "unrounded",
]


def modernize(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Applies the passes that need no values of tensors: inline, loops, upgrade, contributed.

    Raises ModelError where a pass cannot handle the graph.
    """
    return expand_contributed(upgrade(unroll_loops(mark_contributed(inline(proto)))))


def simplify(
    proto: onnx.ModelProto, ruled: Set[str], shapes: Shapes | None = None
) -> onnx.ModelProto:
    """Applies the passes that come after the choice of branches.

    Parameters
    ----------
    proto
        The model, after ``modernize``.
    ruled
        Operators that have a rule, so that they need not be written out.
    shapes
        Computes a graph, and gives the shapes of its tensors. Called only where a composite
        operator is left because ONNX does not infer them.

    Returns
    -------
    onnx.ModelProto
        A model whose operators have a rule, or neither a rule nor an official body.
    """
    proto = unrounded(keep_masked_rows_finite(expand_classical(proto)))
    proto = unroll(expand(expand_composite(proto), ruled))
    if shapes is not None and COMPOSITE.intersection(n.op_type for n in proto.graph.node) - ruled:
        proto = expand_composite(proto, shapes(proto))
    double = proto.graph.input[0].type.tensor_type.elem_type == TensorProto.DOUBLE
    # onnxruntime has no kernels for convolutions in double precision
    return expand_windows(proto) if double else proto


def normalize(proto: onnx.ModelProto, ruled: Set[str]) -> onnx.ModelProto:
    """Applies all passes except ``branch`` and ``sequences``, which need values of tensors.

    Parameters and errors are those of ``modernize`` and ``simplify``.
    """
    return simplify(modernize(proto), ruled)
