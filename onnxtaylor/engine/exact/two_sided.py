"""The limit of coefficients from both sides of an event, where there is one.

At a joint, where the pieces of an operator meet, a rule gives the derivative of one piece, or of
none: sign(0) = 0. So the derivative graph is evaluated at both sides of the event instead, in two
directions of random signs.

**Beside.** First at x ± δ, δ_i being 2⁻⁶⁰ of the feature's size where x_i = 0, 2^(8−d) abs(x_i)
elsewhere, d the binary digits of the format. So near, even what has a limit such as max(‖x‖, 10⁻¹²)
is what it is at x. Where all sides agree their mean is the limit. Where they do not, the response
has a **kink**: no derivative exists there, and the coefficient of the piece that the graph took
is kept.

**Across.** Next to x terms may cancel, as in sin(x)/x: then no value so near can be trusted, even
where all sides are 0 by accident. This shows where a side has another value half as far away, or a
little farther off. There the graph is evaluated at abs(δ_i) of about 2⁻¹¹ of the feature's spread.
With a coefficient T,

    D(δ) = T(x + δ) − T(x − δ)        M(δ) = ½ [T(x + δ) + T(x − δ)]

D is proportional to δ where T is smooth, so 2 D(δ) − D(2δ) vanishes. M changes by δ², which is much
for a T that vanishes but little for the largest of its order. The limit is (4 M(δ) − M(2δ)) / 3, to
δ⁴, in both directions.

**Lasting joints** are left alone: a ranking of padded slots finds equal numbers wherever the event
is moved to. The pieces that meet there are the same function of the features, and so is their
derivative. Such events lie on as many joints at all points beside x, and farther off.

A response may also **jump**: a sentinel that a Where replaces is a point of its own
(``onnxtaylor.engine.exact.jumps``). Then the features that make it jump alone are not moved, and
coefficients by those features have no limit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.exact.jumps import Jumps
from onnxtaylor.engine.no_derivative import features_of
from onnxtaylor.indices import MultiIndices

__all__ = ["TwoSidedLimits", "typical_size"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Evaluate = Callable[[Floats], Floats]

DIRECTIONS = 2  # each with both sides
WIDE = 2.0**-11  # of the spread of a feature
NEARLY = 2.0**6  # tolerances; in double precision 2⁻¹⁴ of a coefficient
FAR_OFF = 2.0**-5  # of a coefficient
TURN = 2.0**-18  # of the largest coefficient: about WIDE²
TINY = 2.0**-60
SMALL = 0.1  # quantile
FEWEST_DIGITS = 24
PART_BYTES = 2**26  # of coefficients at all sides that are held at a time


def typical_size(x: Floats) -> Floats:
    """Computes the 10 % quantile of abs(x) over the values that are not 0.

    So low a quantile that sentinels such as −999 do not count, however many there are.

    Parameters
    ----------
    x
        Events (B, n).

    Returns
    -------
    array
        The size of each column, (n,); 1 for columns that are 0 everywhere.
    """
    size = np.where((x != 0) & np.isfinite(x), np.abs(x), np.nan)
    has_size = np.isfinite(size).any(axis=0)
    filled = np.where(has_size, size, 1.0)
    return np.asarray(np.nanquantile(filled, SMALL, axis=0))


class TwoSidedLimits:
    """Takes limits of coefficients from both sides of events.

    Parameters
    ----------
    indices
        The multi-indices of the K coefficients.
    x
        Events (B, n) that show the typical sizes of features and responses.
    digits
        Binary digits of the format that the two functions compute in.
    respond
        Maps points (R, n) to responses (R, C).
    differentiate
        Maps points (R, n) to coefficients (R, C, K).
    varied
        The columns (n,) that may be moved, all by default.
    count
        Maps points (R, n) to the number of joints that they lie on, (R,), NaN where it is unknown.
    """

    def __init__(
        self,
        indices: MultiIndices,
        x: Floats,
        digits: int,
        respond: Evaluate,
        differentiate: Evaluate,
        varied: Flags | None = None,
        count: Evaluate | None = None,
    ) -> None:
        self._varied, self._count = varied, count
        self._indices, self._unit, self._digits = indices, typical_size(x), digits
        self._differentiate, self._jumps = differentiate, Jumps(respond, digits)
        self._scale = typical_size(self._jumps.responses(x))
        around = np.nanmedian(x, axis=0)
        self._spread = np.minimum(typical_size(x - around), self._unit)
        random = np.random.default_rng(0)
        n = indices.n_features
        self._multipliers = random.integers(0, 2**63, n, dtype=np.uint64) * 2 + 1  # odd ones
        self._salts = random.integers(0, 2**64, (DIRECTIONS, n), dtype=np.uint64)
        self._lower_terms = _lower_terms(indices)

    def replace(self, x: Floats, terms: Floats) -> Flags:
        """Replaces coefficients by their limits, where there are any.

        Parameters
        ----------
        x
            Events (F, n).
        terms
            Coefficients of the events, (F, C, K), changed in place.

        Returns
        -------
        array
            True for coefficients without a limit, (F, C, K): a kink, or a jump.
        """
        if self._digits < FEWEST_DIGITS:  # half precision cannot move an event and stay beside it
            return np.ones(terms.shape, np.bool_)
        no_limit = np.zeros(terms.shape, np.bool_)
        events = np.flatnonzero(~self._lasts(x, terms))
        size = max(1, PART_BYTES // (8 * 4 * DIRECTIONS * max(1, terms[:1].size)))
        for start in range(0, len(events), size):
            part = events[start : start + size]
            limits = terms[part]
            no_limit[part] = self._replace(x[part], limits)
            terms[part] = limits
        return no_limit

    def _lasts(self, x: Floats, terms: Floats) -> Flags:
        """Whether finite coefficients are right as they are, (F,): events stay on their joints."""
        if self._count is None:
            return np.zeros(len(x), np.bool_)
        lasts = np.asarray(np.isfinite(terms).all(axis=(1, 2)))
        here, directions = self._count(x), self._directions(x)
        for move in (*directions * self._tiny(x), directions[0] * WIDE * self._spread):
            for side in (1, -1):
                lasts &= self._count(x + side * move) == here  # so written, NaN is none
        return lasts

    def _replace(self, x: Floats, terms: Floats) -> Flags:
        directions, tiny = self._directions(x), self._tiny(x)
        jumps = self._jumps.find(x, directions * tiny)
        directions = np.where(jumps.any(axis=1), 0.0, directions)
        wide = WIDE * self._spread
        agree, limit, doubtful = self._beside(x, directions * tiny, directions[0] * wide)
        events = np.flatnonzero(doubtful.any(axis=(1, 2)))
        if len(events):
            smooth, nearly, across = self._across(x[events], directions[:, events] * wide)
            smooth &= doubtful[events]
            # where one coefficient of a response cancels, so may others that do not agree
            smooth |= nearly & ~agree[events] & doubtful[events].any(axis=2, keepdims=True)
            limit[events] = np.where(smooth, across, limit[events])
            agree[events] |= smooth
        agree &= np.isfinite(limit)
        agree &= ~self._indices.having(jumps)
        no_limit = self._with_higher_orders(~agree)
        np.copyto(terms, limit, where=~no_limit)
        return no_limit

    def _tiny(self, x: Floats) -> Floats:
        """Sizes of the smallest moves, (F, n)."""
        return np.where(x == 0, TINY * self._unit, 2.0 ** (8 - self._digits) * np.abs(x))

    def _beside(self, x: Floats, moves: Floats, wide: Floats) -> tuple[Flags, Floats, Flags]:
        """Takes the limits next to x.

        Returns which coefficients agree on all sides, their limits, and which are doubtful: they
        change with half a move, or differ much after a wide one.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            sides = np.stack([side for move in moves for side in self._at_both_sides(x, move)])
            half, farther = self._differentiate(x + 0.5 * moves[0]), self._differentiate(x + wide)
            size, gap = np.abs(sides).max(axis=0), np.ptp(sides, axis=0)
            change = np.abs(half - sides[0])
            # what is left where terms of 10²¹ cancel is no scale for others; a steady 10¹² is
            own = 2.0 ** -(self._digits // 3 + 3) * size
            steady = np.maximum(gap, change) <= own
            tolerance = self._tolerance(size, np.where(steady, size, np.abs(farther)))
            agree = gap <= tolerance
            limit = sides.mean(axis=0)
            agree &= np.isfinite(limit)
            steady = change <= tolerance
            larger = np.maximum(np.abs(sides[0]), np.abs(farther))
            allowed = FAR_OFF * larger + self._tolerance(larger, np.abs(farther))
            off = ~(np.abs(farther - sides[0]) <= allowed)  # so written, NaN is off
        return agree & steady, limit, ~steady | off

    def _across(self, x: Floats, moves: Floats) -> tuple[Flags, Flags, Floats]:
        """Extrapolates to x from points farther away.

        Returns which coefficients are smooth across x, which are smooth but for a possible cusp
        such as that of abs(x), whose limit is not exact, and the limits.
        """
        jumps, turns, limits, size = [], [], [], np.zeros(1)
        with np.errstate(invalid="ignore", over="ignore"):
            for move in moves:
                near, far = self._at_both_sides(x, move), self._at_both_sides(x, 2 * move)
                jumps.append(np.abs(2 * (near[0] - near[1]) - (far[0] - far[1])))
                turns.append(np.abs((far[0] + far[1]) - (near[0] + near[1])) / 2)
                limits.append((4 * (near[0] + near[1]) - (far[0] + far[1])) / 6)
                size = np.maximum(size, np.maximum(np.abs(near[0]), np.abs(near[1])))
            jump = np.maximum(np.max(jumps, axis=0), np.ptp(limits, axis=0))
            limit = np.mean(limits, axis=0)
            allowed = NEARLY * self._tolerance(size)
            nearly = (jump <= allowed) & np.isfinite(limit)
            turn = np.max(turns, axis=0)
            smooth = nearly & (turn <= allowed)
            nearly &= turn <= allowed + TURN * self._largest(size)
        return smooth, nearly, limit

    def _at_both_sides(self, x: Floats, move: Floats) -> tuple[Floats, Floats]:
        """Computes the coefficients at x + move and at x − move."""
        return self._differentiate(x + move), self._differentiate(x - move)

    def _directions(self, x: Floats) -> Floats:
        """Draws numbers of 1 to 2 of either sign, (DIRECTIONS, F, n).

        They are a hash of the event's features, so that an event gets the same limit in any batch.
        """
        bits = np.ascontiguousarray(x + 0.0).view(np.uint64)  # −0 + 0 is 0
        with np.errstate(over="ignore"):
            event = (bits * self._multipliers).sum(axis=1, dtype=np.uint64)
            mixed = (event[None, :, None] ^ self._salts[:, None, :]) * np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        stretch = 1.0 + (mixed >> np.uint64(12) & np.uint64(0xFFFFF)) / 2.0**20
        signed = np.where(mixed >> np.uint64(63), stretch, -stretch)
        return signed if self._varied is None else np.where(self._varied, signed, 0.0)

    def _tolerance(self, size: Floats, all_sizes: Floats | None = None) -> Floats:
        """Computes by how much coefficients of a size (F, C, K) may differ and still agree.

        A third of the digits of the coefficient, and two thirds of the digits of the response, or
        of the largest coefficient of its order, in units of the features: what cancels has the
        rounding of its terms, and beside a limit of 0 all is small. The largest coefficient is
        sought among ``all_sizes`` (F, C, K), by default among ``size``.
        """
        own = 2.0 ** -(self._digits // 3 + 3) * size
        among = size if all_sizes is None else all_sizes
        return np.asarray(own + 2.0 ** -(2 * self._digits // 3) * self._largest(among))

    def _largest(self, size: Floats) -> Floats:
        """Finds the largest coefficient of each order, or the response if that is larger.

        It is expressed in the units of each coefficient: (F, C, K).
        """
        units, orders = self._indices.scale(self._unit), self._indices.orders
        largest = np.empty_like(size)
        for order in np.unique(orders):
            mine = orders == order
            top = (size[..., mine] * units[mine]).max(axis=-1, keepdims=True)
            largest[..., mine] = np.maximum(top, self._scale[:, None]) / units[mine]
        return largest

    def _with_higher_orders(self, no_limit: Flags) -> Flags:
        """Adds the derivatives of coefficients that jump, by features that cross the joint."""
        for order in range(2, self._indices.order + 1):
            crosses = features_of(no_limit, self._indices)  # (F, C, n)
            slots, lower, feature = self._lower_terms[order]
            meets = no_limit[..., lower] & crosses[..., feature]
            for slot in np.unique(slots[meets.any(axis=(0, 1))]):
                no_limit[..., slot] |= meets[..., slots == slot].any(axis=-1)
        return no_limit


def _lower_terms(
    indices: MultiIndices,
) -> dict[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Lists, for each order, slots of coefficients, of their antiderivatives, and the features."""
    slot_of = {alpha: k for k, alpha in enumerate(indices.tuples())}
    rows: dict[int, list[tuple[int, int, int]]] = {k: [] for k in range(2, indices.order + 1)}
    for alpha, slot in slot_of.items():
        for place in range(len(alpha)) if len(alpha) > 1 else ():
            lower = slot_of.get(alpha[:place] + alpha[place + 1 :])
            if lower is not None:
                rows[len(alpha)].append((slot, lower, alpha[place]))
    tables = {k: np.array(some, np.int64).reshape(-1, 3).T for k, some in rows.items()}
    return {k: (table[0], table[1], table[2]) for k, table in tables.items()}
