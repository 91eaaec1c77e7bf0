"""Faults planted in averaged second order: the check finds each, and nothing in a sound engine."""

from __future__ import annotations

import pytest

import onnxtaylor as ot
from onnxtaylor.crosscheck.verdicts import DIFFERS
from onnxtaylor.engine.exact import steps_worker
from onnxtaylor.rules.rule import RULES
from onnxtaylor.rules.verbs import elementwise
from tests.engine.averaged.test_averaged import events, net

N = 4


class _Faulty:
    """The kernel of averaged second order with a fault in what it gets, or in what it makes."""

    def __init__(self, before=None, after=None):
        self.before, self.after, self.sound = before, after, steps_worker.average
        self.alone = self

    def __call__(self, gradients, inverse_widths, *others):
        given = gradients, inverse_widths
        if self.before is not None:
            given = self.before(*given)
        self.sound.alone(*given, *others)
        if self.after is not None:
            *_, slots_second, slots_pairs, terms = others
            self.after(terms, slots_second, slots_pairs)


def scaled(factor, pick, every=1):
    def fault(terms, slots_second, slots_pairs):
        terms[::every, :, pick(slots_second, slots_pairs)] *= factor

    return fault


def swapped(terms, slots_second, slots_pairs):
    terms[..., slots_pairs[:2]] = terms[..., slots_pairs[1::-1]]


FAULTS = {
    "pairs by 1 %": ({"after": scaled(1.01, lambda _, pairs: pairs)}, 6),
    "squares by 1 %": ({"after": scaled(1.01, lambda squares, _: squares)}, 4),
    "sign of a pair": ({"after": scaled(-1.0, lambda _, pairs: pairs[3:4])}, 1),
    "a pair at one event in 20": ({"after": scaled(1.1, lambda _, pairs: pairs[:1], every=20)}, 1),
    "two pairs swapped": ({"after": swapped}, 2),
    "widths by 1 %": ({"before": lambda gradients, inverse: (gradients, inverse * 1.01)}, 6),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_second_order_alone_is_found(fault, monkeypatch):
    options, faulty = FAULTS[fault]
    model, x = net("Relu", widths=(24, 24, 1)), events()
    assert ot.cross_check(model, x).verdict == "agrees"
    monkeypatch.setattr(steps_worker, "average", _Faulty(**options))
    check = ot.cross_check(model, x)
    differs = check.codes == DIFFERS
    assert check.verdict == "differs"
    assert differs.sum() == faulty
    assert not differs[:, check.indices.orders == 1].any()


@pytest.mark.parametrize(("factor", "place"), [(1.01, 0.0), (1.0, 0.02)])
def test_a_slope_that_is_wrong_or_begins_elsewhere_is_found_in_second_order(
    factor, place, monkeypatch
):
    def slope(e, node, x, y):
        above = e.op("Cast", e.op("Greater", x, e.number(place)), to=1)
        return e.op("Mul", e.number(factor), above)

    monkeypatch.setitem(RULES, "Relu", elementwise(slope, None, kind="piecewise_linear"))
    check = ot.cross_check(net("Relu", widths=(24, 24, 1)), events(), curvature="averaged")
    second = check.codes[:, check.indices.orders == 2]
    assert check.verdict == "differs"
    assert (second == DIFFERS).sum() >= 6  # squares are made of responses alone
