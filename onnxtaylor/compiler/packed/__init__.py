"""Packed tangents: several features share a tangent where no element depends on two of them.

In a network of sets every slot is embedded by itself: the tangent of a feature is zero in all slots
but its own. One tangent for each variable then holds those of all slots, a factor of the number of
slots in FLOPs and memory. In a recurrent network an early step has no tangents of later features.
(Curtis, Powell & Reid, J. Inst. Math. Appl. 13 (1974) 117, found the same for sparse Jacobians.)

``owners``    the table that says which feature a number of a tangent belongs to
``tangents``  tangents with their owners: other owners, sums, sums over slots
``forward``   the forward sweep through one node
``moves``     owners behind operators that move elements
``mixing``    operators that add up elements of other slots
``curvature`` the Hessian of one node from packed tangents
``products``  the Hessian of a matrix product of two factors that vary
``blocks``    parts of the Hessian, and the pairs of features they belong to
"""

from onnxtaylor.compiler.packed.blocks import Blocks
from onnxtaylor.compiler.packed.curvature import add_curvature
from onnxtaylor.compiler.packed.forward import push_forward
from onnxtaylor.compiler.packed.owners import NOBODY
from onnxtaylor.compiler.packed.tangents import Packed, dense

__all__ = ["NOBODY", "Blocks", "Packed", "add_curvature", "dense", "push_forward"]
