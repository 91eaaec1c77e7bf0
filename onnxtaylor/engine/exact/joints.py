"""Derivatives at events that lie on a joint: the limit of both sides, if they have one.

At a joint, where the pieces of an operator meet, a rule gives the derivative of one piece, or of
none: sign(0) = 0. So the derivative graph is asked at both sides of the event instead, in two
directions of random signs.

**Beside.** First at x ± δ, δ_i being 2⁻⁶⁰ of the feature's size where x_i = 0, 2^(8−d) abs(x_i)
elsewhere, d the binary digits of the format. So near, even what has a limit such as max(‖x‖, 10⁻¹²)
is what it is at x. Where all sides agree their mean is the limit. Where they do not, the response
has a **kink**: no derivative exists there, and the coefficient of the piece that the graph took
stands.

**Across.** Next to x much may cancel, as in sin(x)/x: then nothing so near is to be believed, even
where all sides are 0 by accident. It shows where a side is not what it is half as far away, or a
little farther off. There the graph is asked at abs(δ_i) of about 2⁻¹¹ of the feature's spread. With
a coefficient T,

    D(δ) = T(x + δ) − T(x − δ)        M(δ) = ½ [T(x + δ) + T(x − δ)]

D halves with δ where T is smooth, so 2 D(δ) − D(2δ) vanishes, M changes by δ², which is much for
a T that vanishes but little for the largest of its order, and the limit is (4 M(δ) − M(2δ)) / 3, to
δ⁴, in both directions.

A response may also **jump**: a sentinel that a Where replaces is a point of its own. It jumps if it
is as far from f(x) at x ± δ/16 as at x ± δ. Then features that make it jump alone stay where they
are, and coefficients of those count as kinks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.indices import MultiIndices

__all__ = ["Apart", "Limits", "Sides", "typical_size"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Evaluate = Callable[[Floats], Floats]

PAIRS = 2  # directions, each with both sides
WIDE = 2.0**-11  # of the spread of a feature
NEARLY = 2.0**6  # tolerances; in double precision 2⁻¹⁴ of a coefficient
FAR_OFF = 2.0**-5  # of a coefficient
TURN = 2.0**-18  # of the largest coefficient: some WIDE²
NEAR = 1 / 16  # of δ
TINY = 2.0**-60
SMALL = 0.1  # quantile
FEWEST = 24  # binary digits
PART_BYTES = 2**26  # of coefficients at all sides that are held
WIDEST = 512  # features of which it is asked which one makes a response jump
ROWS = 2**13  # at which responses are evaluated at a time


@dataclass(frozen=True, eq=False)
class Apart:
    """Events (F,) at which no derivative exists, and of which coefficients, (F, C, K)."""

    events: npt.NDArray[np.int64]
    mask: Flags

    def by_feature(self, indices: MultiIndices) -> Floats:
        """At how many of the events no derivative by each feature exists, (n,).

        A pair's features count where neither alone is to blame.
        """
        pure = self.mask & (np.ptp(_filled(indices.table), axis=1) == 0)
        alone = pure.any(axis=(1, 2), keepdims=True)
        found = features_of(np.where(alone, pure, self.mask), indices)
        return np.asarray(found.any(axis=1).sum(axis=0), dtype=np.float64)

    def among(self, events: int, coefficients: int) -> Flags:
        """The mask of the first coefficients for all events of a batch, (B, C, K)."""
        whole = np.zeros((events, self.mask.shape[1], coefficients), np.bool_)
        whole[self.events] = self.mask[..., :coefficients]
        return whole


def typical_size(x: Floats) -> Floats:
    """Of abs(x) over events x (B, n) where it is not 0, the size below which a tenth is, (n,).

    So sentinels do not count, however many there are. 1 for columns that are 0.
    """
    size = np.where((x != 0) & np.isfinite(x), np.abs(x), np.nan)
    known = np.isfinite(size).any(axis=0)
    filled = np.where(known, size, 1.0)
    return np.asarray(np.nanquantile(filled, SMALL, axis=0))


class Sides:
    """Looks at both sides of events.

    ``respond`` maps points (R, n) to responses (R, C), ``differentiate`` to coefficients (R, C, K)
    of ``indices``, in a format of so many ``digits``. x (B, n) are events that tell the typical
    sizes of features and responses.
    """

    def __init__(
        self,
        indices: MultiIndices,
        x: Floats,
        digits: int,
        respond: Evaluate,
        differentiate: Evaluate,
    ) -> None:
        self._indices, self._unit, self._digits = indices, typical_size(x), digits
        self._respond, self._differentiate = respond, differentiate
        self._scale = typical_size(self._responses(x))
        around = np.nanmedian(x, axis=0)
        self._spread = np.minimum(typical_size(x - around), self._unit)
        random = np.random.default_rng(0)
        n = indices.n_features
        self._odd = random.integers(0, 2**63, n, dtype=np.uint64) * 2 + 1
        self._salts = random.integers(0, 2**64, (PAIRS, n), dtype=np.uint64)
        self._below = _lower_terms(indices)

    def settle(self, x: Floats, terms: Floats) -> Flags:
        """Puts the limits at events x (F, n) into their coefficients ``terms`` (F, C, K).

        Returns where there is none, (F, C, K): a kink, or a jump.
        """
        if self._digits < FEWEST:  # too few to move an event and stay beside it
            return np.ones(terms.shape, np.bool_)
        apart = np.empty(terms.shape, np.bool_)
        size = max(1, PART_BYTES // (8 * 4 * PAIRS * max(1, terms[:1].size)))
        for start in range(0, len(x), size):
            part = slice(start, start + size)
            apart[part] = self._settle(x[part], terms[part])
        return apart

    def _settle(self, x: Floats, terms: Floats) -> Flags:
        directions = self._directions(x)
        tiny = np.where(x == 0, TINY * self._unit, 2.0 ** (8 - self._digits) * np.abs(x))
        jumps = self._jumps(x, directions * tiny)
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
        apart = self._with_higher(~agree)
        np.copyto(terms, limit, where=~apart)
        return apart

    def _beside(self, x: Floats, moves: Floats, wide: Floats) -> tuple[Flags, Floats, Flags]:
        """Which coefficients are the same on all sides next to x, and these limits; which of them
        are doubtful, by half a move and by a wide one.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            sides = np.stack([side for move in moves for side in self._both(x, move)])
            half, farther = self._differentiate(x + 0.5 * moves[0]), self._differentiate(x + wide)
            size, apart = np.abs(sides).max(axis=0), np.ptp(sides, axis=0)
            moved = np.abs(half - sides[0])
            # what is left where terms of 10²¹ cancel is no scale for others; a steady 10¹² is
            own = 2.0 ** -(self._digits // 3 + 3) * size
            steady = np.maximum(apart, moved) <= own
            tolerance = self._tolerance(size, np.where(steady, size, np.abs(farther)))
            agree = apart <= tolerance
            limit = sides.mean(axis=0)
            agree &= np.isfinite(limit)
            steady = moved <= tolerance
            larger = np.maximum(np.abs(sides[0]), np.abs(farther))
            allowed = FAR_OFF * larger + self._tolerance(larger, np.abs(farther))
            off = ~(np.abs(farther - sides[0]) <= allowed)
        return agree & steady, limit, ~steady | off

    def _across(self, x: Floats, moves: Floats) -> tuple[Flags, Flags, Floats]:
        """Which coefficients are smooth across x, which but for a cusp such as abs(x) perhaps,
        whose limit is not exact, and their limits.
        """
        jumps, turns, limits, size = [], [], [], np.zeros(1)
        with np.errstate(invalid="ignore", over="ignore"):
            for move in moves:
                near, far = self._both(x, move), self._both(x, 2 * move)
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

    def _both(self, x: Floats, move: Floats) -> tuple[Floats, Floats]:
        """Coefficients at both sides of x."""
        return self._differentiate(x + move), self._differentiate(x - move)

    def _directions(self, x: Floats) -> Floats:
        """Numbers between 1 and 2 of either sign, (PAIRS, F, n); which, the event says alone."""
        bits = np.ascontiguousarray(x + 0.0).view(np.uint64)  # −0 is 0
        with np.errstate(over="ignore"):
            event = (bits * self._odd).sum(axis=1, dtype=np.uint64)
            mixed = (event[None, :, None] ^ self._salts[:, None, :]) * np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        stretch = 1.0 + (mixed >> np.uint64(12) & np.uint64(0xFFFFF)) / 2.0**20
        return np.asarray(np.where(mixed >> np.uint64(63), stretch, -stretch))

    def _jumps(self, x: Floats, moves: Floats) -> Flags:
        """Which features make which responses jump, (F, C, n)."""
        centre = self._responses(x)
        jumping = self._is_jump(x, moves, centre)
        found = np.zeros((*centre.shape, x.shape[1]), np.bool_)
        events = np.flatnonzero(jumping.any(axis=1))
        if not len(events):
            return found
        if x.shape[1] <= WIDEST:
            for i in range(x.shape[1]):
                alone = np.zeros_like(moves[:, events])
                alone[..., i] = moves[:, events, i]
                found[events, :, i] = self._is_jump(x[events], alone, centre[events])
            rest = np.where(found[events].any(axis=1), 0.0, moves[:, events])
            jumping = self._is_jump(x[events], rest, centre[events])
        else:
            jumping = jumping[events]
        found[events] |= jumping[..., None]  # together only, or nobody asked
        return found

    def _is_jump(self, x: Floats, moves: Floats, centre: Floats) -> Flags:
        """Whether responses (F, C) jump between x and a point next to it."""
        jumps = np.zeros(centre.shape, np.bool_)
        for move in moves:
            for side in (1, -1):
                far, near = (self._responses(x + side * k * move) for k in (1, NEAR))
                with np.errstate(invalid="ignore", over="ignore"):
                    change = np.abs(far - centre)
                    least = 2.0 ** (11 - self._digits) * (np.abs(far) + np.abs(centre))
                    jumps |= (change > least) & ~(np.abs(near - centre) <= 0.5 * change)
                    jumps |= ~np.isfinite(change) & np.isfinite(centre)
        return jumps

    def _responses(self, x: Floats) -> Floats:
        parts = [self._respond(x[k : k + ROWS]) for k in range(0, len(x), ROWS)]
        return np.concatenate(parts).astype(np.float64)

    def _tolerance(self, size: Floats, all_sizes: Floats | None = None) -> Floats:
        """How far the sides of coefficients of a size (F, C, K) may be apart and still agree.

        A third of the digits of the coefficient, and two of those of the response, or of the
        largest coefficient of its order, in units of the features: what cancels has the rounding of
        its terms, and beside a limit of 0 all is small. ``all_sizes`` (F, C, K) are those among
        which the largest is.
        """
        own = 2.0 ** -(self._digits // 3 + 3) * size
        among = size if all_sizes is None else all_sizes
        return np.asarray(own + 2.0 ** -(2 * self._digits // 3) * self._largest(among))

    def _largest(self, size: Floats) -> Floats:
        """What the largest coefficient of the same order, or the response, is for each, in its own
        units: (F, C, K).
        """
        units, orders = self._indices.scale(self._unit), self._indices.orders
        found = np.empty_like(size)
        for order in np.unique(orders):
            mine = orders == order
            largest = (size[..., mine] * units[mine]).max(axis=-1, keepdims=True)
            found[..., mine] = np.maximum(largest, self._scale[:, None]) / units[mine]
        return found

    def _with_higher(self, apart: Flags) -> Flags:
        """A coefficient that jumps has no derivative by a feature that crosses the joint."""
        for order in range(2, self._indices.order + 1):
            crosses = features_of(apart, self._indices)  # (F, C, n)
            slots, lower, feature = self._below[order]
            meets = apart[..., lower] & crosses[..., feature]
            for slot in np.unique(slots[meets.any(axis=(0, 1))]):
                apart[..., slot] |= meets[..., slots == slot].any(axis=-1)
        return apart


class Limits:
    """Takes the limits of both sides at the events that ask for it.

    ``make`` makes the ``Sides`` when the first event does: that compiles another graph.
    """

    def __init__(self, make: Callable[[], Sides]) -> None:
        self._make = make
        self._sides: Sides | None = None

    def take(self, x: Floats, terms: Floats, odd: Flags) -> Apart | None:
        """Puts limits into the coefficients ``terms`` (B, C, K) of the ``odd`` (B,) ones of the
        events x (B, n); returns where there is none.
        """
        events = np.flatnonzero(odd)
        if not len(events):
            return None
        self._sides = self._sides or self._make()
        limits = terms[events]
        mask = self._sides.settle(x[events], limits)
        terms[events] = limits
        return Apart(events, mask)


def _filled(table: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Multi-indices (K, order) with their first feature behind the end of a lower order."""
    return np.where(table < 0, table[:, :1], table)


def features_of(mask: Flags, indices: MultiIndices) -> Flags:
    """Which features the coefficients of a mask (…, K) have, (…, n)."""
    found = np.zeros((*mask.shape[:-1], indices.n_features + 1), np.bool_)
    for slot in np.flatnonzero(mask.any(axis=tuple(range(mask.ndim - 1)))):
        for i in indices.table[slot]:
            found[..., i] |= mask[..., slot]  # index -1 is the last place
    return found[..., :-1]


def _lower_terms(
    indices: MultiIndices,
) -> dict[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """For each order: slots of coefficients, of those one order lower, and the feature between."""
    slot_of = {alpha: k for k, alpha in enumerate(indices.tuples())}
    rows: dict[int, list[tuple[int, int, int]]] = {k: [] for k in range(2, indices.order + 1)}
    for alpha, slot in slot_of.items():
        for place in range(len(alpha)) if len(alpha) > 1 else ():
            lower = slot_of.get(alpha[:place] + alpha[place + 1 :])
            if lower is not None:
                rows[len(alpha)].append((slot, lower, alpha[place]))
    tables = {k: np.array(some, np.int64).reshape(-1, 3).T for k, some in rows.items()}
    return {k: (table[0], table[1], table[2]) for k, table in tables.items()}
