"""Passes that bring a graph into the form that rules are written for; one per file.

``inline``      the model's own functions become their nodes
``loops``       a Loop that runs a known number of times becomes copies of its body
``upgrade``     the operators become those of one opset
``contributed`` onnxruntime's own operators become those that they were made of (with ``fused``)
``branch``      an If whose condition is known becomes the branch that is taken
``sequences``   sequences whose length and indices are known become their tensors
``classical``   scalers, linear models and support vector machines of ai.onnx.ml become arithmetic
``masked``      a softmax whose rows are masked away gives no NaN on the way back
``elementary``  operators that simpler ones can say: normalizations (``layers``), ``attention``,
                products of vectors
``unrounded``   what onnxruntime rounds in double precision becomes arithmetic
``expand``      operators with an official function body and no rule become that body
``unroll``      recurrent layers of a fixed length become the operators of their cells
``windows``     convolutions and pools in double precision become gathers and products
``resize``      interpolations in double precision become products (for ``graph.promote``)
``stored``      stored integer weights become the numbers that they stand for (likewise)
``special``     functions without a double kernel are composed, with ``erf`` (likewise)
``writer``      what the passes that write operators out share

Each takes and returns a ModelProto and leaves its values as they were, up to round-off.
"""

from collections.abc import Collection

import onnx
from onnx import TensorProto

from onnxtaylor.graph.normalize.branch import settle_branches
from onnxtaylor.graph.normalize.classical import expand_classical
from onnxtaylor.graph.normalize.composite import expand_composite
from onnxtaylor.graph.normalize.contributed import expand_contributed, mark_contributed
from onnxtaylor.graph.normalize.expand import expand
from onnxtaylor.graph.normalize.inline import inline
from onnxtaylor.graph.normalize.loops import unroll_loops
from onnxtaylor.graph.normalize.masked import keep_masked_rows_finite
from onnxtaylor.graph.normalize.sequences import settle_sequences
from onnxtaylor.graph.normalize.unroll import unroll
from onnxtaylor.graph.normalize.unrounded import unrounded
from onnxtaylor.graph.normalize.upgrade import OPSET, upgrade
from onnxtaylor.graph.normalize.windows import expand_windows

__all__ = [
    "OPSET",
    "modernize",
    "normalize",
    "settle_branches",
    "settle_sequences",
    "simplify",
    "unrounded",
]


def modernize(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The passes that need to know nothing of what a graph computes: inline, loops, upgrade and
    contributed.

    Raises ModelError where a pass cannot serve the graph.
    """
    return expand_contributed(upgrade(unroll_loops(mark_contributed(inline(proto)))))


def simplify(proto: onnx.ModelProto, ruled: Collection[str]) -> onnx.ModelProto:
    """The other passes, once branches are taken; ``ruled`` need no expansion."""
    proto = unrounded(keep_masked_rows_finite(expand_classical(proto)))
    proto = unroll(expand(expand_composite(proto), ruled))
    double = proto.graph.input[0].type.tensor_type.elem_type == TensorProto.DOUBLE
    # onnxruntime has no double kernels for them
    return expand_windows(proto) if double else proto


def normalize(proto: onnx.ModelProto, ruled: Collection[str]) -> onnx.ModelProto:
    """All passes but ``branch`` and ``sequences``, which need to know values."""
    return simplify(modernize(proto), ruled)
