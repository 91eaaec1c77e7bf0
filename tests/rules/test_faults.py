"""The generic comparison has teeth: whatever a rule is made of, 1 % more or a sign is noticed.

For every kind and every ingredient of its rule the ingredient is replaced, and at least one sample
of that kind must fail. An ingredient that no sample ever uses fails as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

from onnxtaylor.errors import ModelError
from onnxtaylor.rules import RULES
from onnxtaylor.rules.bundle import Bundle, batch_axis
from onnxtaylor.rules.emit import Emitter
from onnxtaylor.rules.rule import Bundles, Context, Curvature, Node, Rule
from onnxtaylor.rules.verbs import Binary, Elementwise, Linear
from tests.rules.generic import check
from tests.rules.samples import by_kind

FACTORS = {"one percent more": 1.01, "the other sign": -1.0}
CURVED = ("elementwise", "bilinear", "general")
TABLE = by_kind()


@dataclass
class Uses:
    """How often an ingredient was used."""

    count: int = 0


def more(c: Context, bundle: Bundle | None, factor: float, uses: Uses) -> Bundle | None:
    if bundle is None:
        return None
    uses.count += 1
    return bundle.with_tensor(c.e.op("Mul", bundle.name, c.e.number(factor)))


@dataclass(frozen=True)
class Bent:
    """A rule of which one method gives more than it should, at one place or at all."""

    rule: Rule
    method: str
    place: int | None
    factor: float
    uses: Uses = field(default_factory=Uses)

    @property
    def kind(self) -> str:
        return self.rule.kind

    def _bent(self, c: Context, found: Bundles) -> Bundles:
        return [
            more(c, b, self.factor, self.uses) if self.place in (None, k) else b
            for k, b in enumerate(found)
        ]

    def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
        found = self.rule.jvp(c, node, tangents)
        return self._bent(c, found) if self.method == "jvp" else found

    def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
        found = self.rule.vjp(c, node, adjoints, needed)
        if self.method != "vjp":
            return found
        # what nobody needed does not count
        kept = [b if want else None for b, want in zip(found, needed, strict=True)]
        return self._bent(c, kept)

    def curvature(
        self, c: Context, node: Node, tangents: Bundles, adjoints: Bundles, h: Curvature
    ) -> None:
        self.rule.curvature(c, node, tangents, adjoints, _Sink(self, c, h))


class _Sink:
    """Passes on what a node curves, one of its terms or all of them with other weights."""

    def __init__(self, bent: Bent, c: Context, h: Curvature) -> None:
        self._bent, self._c, self._h, self._calls = bent, c, h, 0

    def _weights(self, weights: Bundle) -> Bundle:
        place, self._calls = self._calls, self._calls + 1
        if self._bent.method != "curvature" or self._bent.place not in (None, place):
            return weights
        found = more(self._c, weights, self._bent.factor, self._bent.uses)
        assert found is not None
        return found

    def add_diagonal(self, rows: Bundle, weights: Bundle) -> None:
        self._h.add_diagonal(rows, self._weights(weights))

    def add_product(self, left: Bundle, right: Bundle, weights: Bundle) -> None:
        self._h.add_product(left, right, self._weights(weights))

    def add_weighted(self, left: Bundle, right: Bundle) -> None:
        self._h.add_weighted(left, self._weights(right))


def _times(part: Any, factor: float, uses: Uses) -> Callable[..., str | None]:
    """An ingredient that gives ``factor`` times as much."""

    def bent(e: Emitter, *names: Any) -> str | None:
        known = {"one": 1.0, "minus one": -1.0}
        found = e.number(known[part]) if isinstance(part, str) else part(e, *names)
        if found is None:
            return None
        uses.count += 1
        return e.op("Mul", found, e.number(factor))

    return bent


def _forward(part: Any, factor: float, uses: Uses) -> Callable[..., Bundles]:
    def bent(c: Context, node: Node, bundle: Bundle) -> Bundles:
        return [more(c, b, factor, uses) for b in part(c, node, bundle)]

    return bent


def _backward(part: Any, factor: float, uses: Uses) -> Callable[..., Bundle | None]:
    def bent(c: Context, node: Node, bundles: Bundles) -> Bundle | None:
        return more(c, part(c, node, bundles), factor, uses)

    return bent


def bent_rules(kind: str, rule: Rule, factor: float) -> Iterator[tuple[str, Rule, Uses, bool]]:
    """(ingredient, rule, uses, whether some sample must use it) for all that a rule is made of."""
    if isinstance(rule, Elementwise):
        for name in ("first", "second"):
            part, uses = getattr(rule, name), Uses()
            if part is not None:
                yield name, replace(rule, **{name: _times(part, factor, uses)}), uses, True
    elif isinstance(rule, Binary):
        for name in ("partials", "seconds"):
            parts = getattr(rule, name)
            for k, part in enumerate(parts):
                uses = Uses()
                if part is not None:
                    other = (*parts[:k], _times(part, factor, uses), *parts[k + 1 :])
                    yield f"{name}[{k}]", replace(rule, **{name: other}), uses, True
    elif isinstance(rule, Linear):
        for name, bend in (("forward", _forward), ("backward", _backward)):
            uses = Uses()
            part = getattr(rule, name)
            yield name, replace(rule, **{name: bend(part, factor, uses)}), uses, True
    made = isinstance(rule, Elementwise | Binary | Linear)  # of parts that were bent above
    places = {
        "jvp": max(s.outputs for s in TABLE[kind]),
        "vjp": max(len(s.inputs) for s in TABLE[kind]),
        "curvature": 3 if rule.kind in CURVED else 0,
    }
    for method, count in places.items():
        if not count:
            continue
        for place in (None, *range(0 if made or count == 1 else count)):
            bent = Bent(rule, method, place, factor)
            name = method if place is None else f"{method}[{place}]"
            yield name, bent, bent.uses, place is None


def none_notices(kind: str, rule: Rule, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether all samples of a kind pass with another rule."""
    monkeypatch.setitem(RULES, kind, rule)
    for s in TABLE[kind]:
        for smooth in (False, True):
            try:
                with np.errstate(all="ignore"):
                    check(s, smooth)
            except (AssertionError, ModelError):  # or it leads to a product that is refused
                return False
    return True


RULED = sorted(kind for kind in TABLE if RULES[kind].kind != "constant")


@pytest.mark.parametrize(
    "fault", ["one percent more", pytest.param("the other sign", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("kind", RULED)
def test_a_fault_in_a_rule_is_noticed(kind: str, fault: str, monkeypatch: pytest.MonkeyPatch):
    rule = RULES[kind]
    unnoticed, unused = [], []
    for name, bent, uses, must in bent_rules(kind, rule, FACTORS[fault]):
        if none_notices(kind, bent, monkeypatch):
            if uses.count:
                unnoticed.append(name)
            elif must:
                unused.append(name)
    assert not unnoticed, f"{fault} in {unnoticed} of {kind} is not noticed"
    assert not unused, f"no sample of {kind} uses {unused}"


@pytest.mark.parametrize("kind", RULED)
def test_a_curvature_that_is_not_there_is_noticed(kind: str, monkeypatch: pytest.MonkeyPatch):
    """φ″ = 1 where a rule says that it vanishes."""
    rule = RULES[kind]

    def one(e: Emitter, *names: Any) -> str:
        return e.number(1.0)

    if isinstance(rule, Elementwise) and rule.second is None:
        assert not none_notices(kind, replace(rule, second=one), monkeypatch)
    elif isinstance(rule, Binary):
        for k, part in enumerate(rule.seconds):
            if part is None:
                seconds: Any = (*rule.seconds[:k], one, *rule.seconds[k + 1 :])
                assert not none_notices(kind, replace(rule, seconds=seconds), monkeypatch)
    else:
        assert is_dataclass(rule) or rule.kind


@pytest.mark.parametrize("kind", sorted(k for k in TABLE if RULES[k].kind == "constant"))
def test_a_derivative_that_is_not_there_is_noticed(kind: str, monkeypatch: pytest.MonkeyPatch):
    """A step function taken for the identity: noticed where its input has its output's shape."""
    identity = RULES["Identity"]
    used = Uses()

    class Wrong:
        kind = "linear"

        def jvp(self, c: Context, node: Node, tangents: Bundles) -> Bundles:
            shape = c.shape(node.inputs[0])
            same = len(node.outputs) == 1 and shape == c.shape(node.outputs[0])
            same = same and batch_axis(shape) is not None
            found = identity.jvp(c, node, tangents)
            used.count += same
            return [found[0] if same else None, *[None] * (len(node.outputs) - 1)]

        def vjp(self, c: Context, node: Node, adjoints: Bundles, needed: Sequence[bool]) -> Bundles:
            return [None] * len(node.inputs)

        def curvature(self, *others: Any) -> None:
            """Nothing is curved."""

    noticed = not none_notices(kind, Wrong(), monkeypatch)
    assert noticed or not used.count
