"""Passes that bring a graph into the form that rules are written for; one per file.

``inline``      the model's own functions become their nodes
``upgrade``     the operators become those of one opset
``branch``      an If whose condition is known becomes the branch that is taken
``classical``   scalers, linear models and support vector machines of ai.onnx.ml become arithmetic
``elementary``  operators that simpler ones can say: some normalizations, products of vectors
``expand``      operators with an official function body and no rule become that body
``unroll``      recurrent layers of a fixed length become the operators of their cells
``windows``     convolutions and pools in double precision become gathers and products

Each takes and returns a ModelProto and leaves its values as they were, up to round-off.
"""

from collections.abc import Collection

import onnx
from onnx import TensorProto

from onnxtaylor.graph.normalize.branch import conditions, take_branches
from onnxtaylor.graph.normalize.classical import expand_classical
from onnxtaylor.graph.normalize.elementary import elementary
from onnxtaylor.graph.normalize.expand import expand
from onnxtaylor.graph.normalize.inline import inline
from onnxtaylor.graph.normalize.unroll import unroll
from onnxtaylor.graph.normalize.upgrade import OPSET, upgrade
from onnxtaylor.graph.normalize.windows import expand_windows

__all__ = ["OPSET", "conditions", "modernize", "normalize", "simplify", "take_branches"]


def modernize(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The passes that need to know nothing of a graph's values: inline and upgrade.

    Raises ModelError where a pass cannot serve the graph.
    """
    return upgrade(inline(proto))


def simplify(proto: onnx.ModelProto, ruled: Collection[str]) -> onnx.ModelProto:
    """The other passes, once branches are taken; ``ruled`` need no expansion."""
    proto = unroll(expand(elementary(expand_classical(proto)), ruled))
    double = proto.graph.input[0].type.tensor_type.elem_type == TensorProto.DOUBLE
    # onnxruntime has no double kernels for them
    return expand_windows(proto) if double else proto


def normalize(proto: onnx.ModelProto, ruled: Collection[str]) -> onnx.ModelProto:
    """All passes but ``branch``, which needs to know conditions."""
    return simplify(modernize(proto), ruled)
