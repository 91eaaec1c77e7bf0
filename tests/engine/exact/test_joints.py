"""Events exactly on joints: the limit where both sides agree, a kink where they do not."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest

import onnxtaylor as ot
from onnxtaylor.engine.exact import engine as exact
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.graph import read_model
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options import ModelOptions
from onnxtaylor.problem.opening import open_model
from onnxtaylor.rules import RULES, joints
from tests.engine.pieced import PIECES, Writer, pieced_models
from tests.rules.sample import helper


def parsed(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]>\n{text}')


def engine(model: onnx.ModelProto, x: np.ndarray, order: int = 2) -> Exact:
    opened = open_model(read_model(model), ModelOptions(), x)
    return Exact(opened.function, MultiIndices.full(x.shape[1], order), x=x)


def coefficients(model: onnx.ModelProto, x: np.ndarray, order: int = 2) -> np.ndarray:
    found = engine(model, x, order).coefficients(x)
    assert found.no_derivative is None or not found.no_derivative.mask.any()
    return found.terms


def one_piece(name: str, side: int, dtype: type = np.float64) -> onnx.ModelProto:
    w = Writer(dtype)
    model = w.g.model(w.op("Mul", PIECES[name](w, "features")[side], 1.5), 21)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("features", kind, ["N", 2]))
    return model


ON_JOINTS = np.array(
    [
        [0.0, 0.0],
        [0.5, 0.5],
        [-0.5, -0.5],
        [0.0, 0.5],
        [0.5, -0.5],
        [0.3, 0.0],
        [0.3, 0.3],
        [0.2, -0.7],
    ]
)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", PIECES)
def test_a_smooth_function_in_pieces_has_the_derivatives_of_its_smooth_form(name, dtype):
    in_pieces, smooth = (coefficients(one_piece(name, side, dtype), ON_JOINTS) for side in range(2))
    near = 1e-11 if dtype == np.float64 else 2e-6
    if name == "sinc_by_where":
        # its second derivative loses ε/x²: 2⁻⁵³ at 2⁻¹¹ of a spread of 0.05, 2⁻²⁴ at 0.2
        near = 1e-6 if dtype == np.float64 else 3e-5
    np.testing.assert_allclose(in_pieces, smooth, rtol=near, atol=near)


def test_third_order_on_joints_is_the_limit_too():
    for name in ("cube_by_abs_and_sign", "softplus_by_relu"):
        in_pieces, smooth = (
            coefficients(one_piece(name, side), ON_JOINTS, order=3) for side in range(2)
        )
        np.testing.assert_allclose(in_pieces, smooth, rtol=1e-9, atol=1e-9)


def test_a_call_of_derivatives_takes_limits_and_a_file_one_piece():
    model = one_piece("x_log_y", 0)
    derived, x = ot.differentiate(model), np.array([[0.0, 0.3], [0.2, 0.0]])
    np.testing.assert_allclose(
        derived(x).jacobian, np.tile(1.5 * np.log(3) * np.eye(2), (2, 1, 1)), rtol=1e-14
    )
    assert np.abs(np.asarray(derived(x).hessian)).max() < 1e-14
    names = [output.name for output in derived.proto.graph.output]
    assert names == ["value", "jacobian", "hessian"]
    assert not any("onnxtaylor/joints" in node.output for node in derived.proto.graph.node)
    third = ot.differentiate(one_piece("cube_by_abs_and_sign", 0), order=3)(x).third
    assert third is not None
    np.testing.assert_allclose(third[0, 0, 0, 0, 0], 9.0, rtol=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_random_functions_in_pieces_agree_with_differences_on_joints(seed):
    in_pieces_agrees(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12, 60))
def test_many_random_functions_in_pieces(seed):
    in_pieces_agrees(seed)


def in_pieces_agrees(seed: int) -> None:
    dtype = (np.float64, np.float32)[seed % 2]
    in_pieces, _, x = pieced_models(seed, dtype)
    # limits are taken in double precision, of weights in single; elsewhere single precision rounds
    near, events = (1e-10, 60) if dtype == np.float64 else (1e-5, 20)
    wanted = coefficients(pieced_models(seed, np.float64)[1], x)[:events]
    found = coefficients(in_pieces, x)[:events]
    assert np.abs(found - wanted).max() <= near * np.abs(wanted).max()
    check = ot.cross_check(in_pieces, x)
    counts = check.counts()
    assert check.verdict == "agrees"
    assert counts["undecided"][1] == counts["kink"][1] == counts["differs"][0] == 0


# operator → response of a and b at a = 0 (or where its pieces meet), its slopes below and above
KINKS = {
    "Abs": ("y = Abs(x)", 0.0, -1.0, 1.0),
    "Relu": ("y = Relu(x)", 0.0, 0.0, 1.0),
    "LeakyRelu": ("y = LeakyRelu<alpha: float = 0.25>(x)", 0.0, 0.25, 1.0),
    "PRelu": ("k = Constant<value_float: float = 0.5>() y = PRelu(x, k)", 0.0, 0.5, 1.0),
    "Clip": ("k = Constant<value_float: float = 0.5>() y = Clip(x, k)", 0.5, 0.0, 1.0),
    "Max": ("k = Constant<value_float: float = 0.5>() y = Max(x, k)", 0.5, 0.0, 1.0),
    "Min": ("k = Constant<value_float: float = 0.5>() y = Min(x, k)", 0.5, 1.0, 0.0),
    "HardSigmoid": ("y = HardSigmoid<alpha: float = 0.5, beta: float = 0.5>(x)", -1.0, 0.0, 0.5),
    "HardSwish": ("y = HardSwish(x)", 3.0, 1.5, 1.0),
    "Elu": ("y = Elu<alpha: float = 0.5>(x)", 0.0, 0.5, 1.0),
    "Celu": ("y = Celu<alpha: float = 0.5>(x)", 0.0, 1.0, 1.0),
    "Selu": ("y = Selu<alpha: float = 2.0, gamma: float = 1.0>(x)", 0.0, 2.0, 1.0),
    "Where": (
        "k = Constant<value_float: float = 0.5>() c = Less(x, k) d = Sub(x, k) e = Mul(d, d)"
        " f = Sub(e, d) y = Where(c, f, e)",
        0.5,
        -1.0,
        0.0,
    ),
    "ReduceMax": (
        "a = Constant<value_ints: ints = [2]>() n = Neg(x) u = Unsqueeze(x, a) v = Unsqueeze(n, a)"
        " w = Concat<axis: int = 2>(u, v) y = ReduceMax<axes: ints = [2], keepdims: int = 0>(w)",
        0.0,
        -1.0,
        1.0,
    ),
    "Mod": ("k = Constant<value_float: float = 0.5>() y = Mod<fmod: int = 1>(x, k)", 0.5, 1.0, 1.0),
}


@pytest.mark.parametrize("kind", KINKS)
def test_on_a_kink_no_derivative_exists_and_the_check_says_so(kind):
    text, place, below, above = KINKS[kind]
    model = parsed(f"m (float[N, 2] x) => (float[N, 2] y) {{ {text} }}")
    x = np.random.default_rng(1).uniform(-1, 1, (40, 2))
    x[:13, 0] = place
    found = engine(model, x).coefficients(x)
    assert found.no_derivative is not None
    np.testing.assert_array_equal(found.no_derivative.events, np.arange(13))
    slopes = 0 if below != above else 2  # t_0 has no limit, or t_00 alone
    if kind != "Mod":  # a sawtooth jumps
        assert found.no_derivative.mask[:, 0, slopes].all()
    assert not found.no_derivative.mask[:, 0, 1].any()  # the other feature is none the worse
    assert not found.no_derivative.mask[:, 1].any()
    check = ot.cross_check(model, x)
    assert check.verdict == "kink"
    row = check.to_dict()["joints"][0]
    assert (row["output"], row["events"]) == ("y[0]", 13)
    result = ot.analyze(model, x, bootstrap=0)
    warning = next(w for w in result.warnings if w.code == "joint")
    assert "x0" in warning.message
    assert "32%" in warning.message.replace(" ", "")


SINC = """m (float[N, 3] x) => (float[N, 1] y)
<float z = {0.0}, float one = {1.0}, int64[1] ax = {1}> {
  c = Equal(x, z) s = Sin(x) q = Div(s, x) p = Where(c, one, q) y = ReduceProd<axes = [1]>(p)
}"""


def sinc(x: np.ndarray, derivative: int) -> np.ndarray:
    """sin(x)/x and its first two derivatives, by their series where x is small."""
    small = np.abs(x) < 0.1
    u = np.where(small, 1.0, x)
    s, c = np.sin(u), np.cos(u)
    exact_forms = (s / u, c / u - s / u**2, -s / u - 2 * c / u**2 + 2 * s / u**3)
    series = (1 - x**2 / 6 + x**4 / 120, -x / 3 + x**3 / 30, -1 / 3 + x**2 / 10 - x**4 / 168)
    return np.where(small, series[derivative], exact_forms[derivative])


@pytest.mark.parametrize("order", [1, 2])
def test_where_several_coefficients_cancel_next_to_an_event_none_is_0_by_accident(order):
    """The product of three sin(x)/x, zeros in one, two and all of them."""
    random = np.random.default_rng(3)
    x = random.normal(size=(200, 3)) * [1.0, 0.7, 0.4]
    x = np.where(random.random(x.shape) < 0.3, 0.0, x).astype(np.float32).astype(np.float64)
    f = np.stack([sinc(x, k) for k in range(3)])
    right = np.empty((len(x), 9))
    for k, alpha in enumerate(MultiIndices.full(3, 2).tuples()):
        parts = [f[alpha.count(i), :, i] for i in range(3)]
        right[:, k] = np.prod(parts, axis=0) / (2 if alpha in ((0, 0), (1, 1), (2, 2)) else 1)
    zero = (x == 0).any(axis=1)
    model = parsed(SINC)
    found = coefficients(model, x, order)[zero, 0]  # what cancels leaves some ε/δ²
    np.testing.assert_allclose(found, right[zero, : found.shape[1]], atol=1e-5)
    called = ot.differentiate(model, order=order)(x[zero])
    np.testing.assert_allclose(called.jacobian[:, 0], right[zero, :3], atol=2e-6)


def test_beside_a_kink_of_second_order_what_exists_is_exact():
    """tanh(x0·abs(x0) + x1·abs(x1)): t_01 is of size abs(x0·x1), and 0 where one of them is."""
    model = parsed(
        "m (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {0.4, -0.3}>"
        " { a = Abs(x) q = Mul(x, a) z = MatMul(q, w) y = Tanh(z) }"
    )
    x = np.random.default_rng(4).normal(size=(64, 2))
    x[::3, 0] = 0.0
    found = engine(model, x).coefficients(x)
    np.testing.assert_allclose(found.terms[::3, 0, [0, 3]], 0.0, atol=1e-9)  # t_0 and t_01
    assert found.no_derivative is not None
    assert found.no_derivative.mask[:, 0].tolist() == [[False, False, True, False, False]] * 22
    assert ot.cross_check(model, x).verdict == "kink"


SINGULAR = {
    "norm squared": "n = ReduceL2<axes = [1]>(x) r = Mul(n, n) y = Add(r, r)",
    "root squared": "q = ReduceSumSquare<axes = [1]>(x) n = Sqrt(q) r = Mul(n, n) y = Add(r, r)",
    "power squared": "q = ReduceSumSquare<axes = [1]>(x) n = Pow(q, half) r = Mul(n, n)"
    " y = Add(r, r)",
}


@pytest.mark.parametrize("name", SINGULAR)
def test_a_slope_that_is_infinite_is_no_zero_of_a_product(name):
    """2‖x‖², whose root has no slope at 0: H = 4·1 there, too."""
    model = parsed(
        f"m (float[N, 3] x) => (float[N, 1] y) <float half = {{0.5}}> {{ {SINGULAR[name]} }}"
    )
    x = np.array([[0.0, 0.0, 0.0], [0.3, -0.2, 0.0], [0.0, 0.0, 0.5]])
    found = ot.differentiate(model)(x)
    np.testing.assert_allclose(found.jacobian[:, 0], 4 * x, atol=1e-6)
    np.testing.assert_allclose(found.hessian[:, 0], np.tile(4 * np.eye(3), (3, 1, 1)), atol=1e-5)


def test_every_operator_of_pieces_has_joints():
    pieces = {kind for kind, rule in RULES.items() if rule.kind == "piecewise_linear"}
    bent = {"Elu", "Softsign"}  # of their second derivative
    steps = {"Sign", "Floor", "Ceil", "Round", "ArgMax", "ArgMin", "Hardmax", "Cast"}
    compared = {"Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"}
    # Where has none of its own: its condition has
    assert pieces - {"Where"} | bent | steps | compared <= joints.JOINTS.keys()


def test_a_sentinel_is_a_point_of_its_own_and_other_joints_are_seen_beside_it():
    model = parsed(
        "m (float[N, 2] x) => (float[N, 1] y) <float s = {-999.0}, float z = {0.0},"
        " float[2, 1] w = {1.0, 0.5}> { c = Equal(x, s) r = Where(c, z, x) a = Abs(r)"
        " q = Mul(a, r) d = Equal(q, z) e = Mul(q, q) f = Sin(x) g = Where(c, z, f)"
        " h = Add(e, g) y = MatMul(h, w) }"
    )
    x = np.array([[-999.0, 0.0], [-999.0, 1.0], [0.0, -999.0], [0.5, 0.25], [1.0, 0.0]])
    found = engine(model, x).coefficients(x)
    inside = x != -999
    slopes = np.where(inside, 4 * x**3 + np.cos(x), 0.0) * [1.0, 0.5]
    bends = np.where(inside, 6 * x**2 - np.sin(x) / 2, 0.0) * [1.0, 0.5]
    np.testing.assert_allclose(found.terms[:, 0, :2], slopes, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(found.terms[:, 0, [2, 4]], bends, rtol=2e-6, atol=2e-6)
    features = ot.MultiIndices.full(2, 2)
    assert found.no_derivative is not None
    counts = found.no_derivative.by_feature(features)
    np.testing.assert_array_equal(counts, [2, 1])


def test_limits_do_not_depend_on_how_events_are_cut():
    model, _, x = pieced_models(3, np.float32)
    made = engine(model, x)
    whole = made.coefficients(x).terms.copy()
    for size in (1, 7):
        parts = [made.coefficients(x[k : k + size]).terms.copy() for k in range(0, len(x), size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_an_event_off_all_joints_is_not_touched(monkeypatch):
    monkeypatch.setattr(
        exact, "make_two_sided_limits", lambda *args, **kinds: pytest.fail("compiled")
    )
    x = np.random.default_rng(2).normal(size=(20, 2))
    model = parsed("m (float[N, 2] x) => (float[N, 2] y) { a = Relu(x) y = Mul(a, x) }")
    made = engine(model, x)
    assert made.coefficients(x).no_derivative is None


WHOLE = """m (double[N, 2] x) => (double[N, 2] y)
    <int64 low={0}, int64 high={9}, int64 one={1}>
    {
        whole = Cast<to: int = 7>(x)
        size = Abs(whole)
        sign = Sign(whole)
        inside = Clip(size, low, high)
        least = Max(inside, one)
        same = Equal(sign, low)
        product = Mul(least, sign)
        factor = Where(same, one, product)
        slope = Cast<to: int = 11>(factor)
        u = Mul(x, slope)
        y = Tanh(u)
    }"""


def test_whole_numbers_lie_inside_of_a_piece():
    x = np.array([[0.3, -0.4], [1.5, 0.2], [-2.7, 3.1], [9.5, -1.5]])
    slope = np.where(np.trunc(x) == 0, 1.0, np.trunc(x))
    found = engine(parsed(WHOLE), x).coefficients(x)
    assert found.no_derivative is None
    y = np.tanh(slope * x)
    wanted = np.stack([slope * (1 - y**2), -y * (1 - y**2) * slope**2], axis=-1)
    for i, (first, second) in enumerate(((0, 2), (1, 4))):
        np.testing.assert_allclose(found.terms[:, i, [first, second]], wanted[:, i], rtol=1e-9)


def test_a_joint_of_unknown_form_is_looked_for_at_every_event(monkeypatch):
    def unknown(context, node):
        raise ValueError("a form that no test knows")

    monkeypatch.setitem(joints.JOINTS, "Abs", unknown)
    x = np.array([[0.0, 1.0], [0.5, 0.0], [-0.3, 0.7]])
    terms = coefficients(
        parsed("m (float[N, 2] x) => (float[N, 2] y) {a = Abs(x) y = Mul(a, a)}"), x
    )
    np.testing.assert_allclose(terms[:, 0, 2], 1.0, rtol=1e-6)  # of x², by |x|²
    np.testing.assert_allclose(terms[:, 1, 4], 1.0, rtol=1e-6)


def test_the_largest_two_may_be_equal_where_the_last_one_taken_is_flat():
    model = parsed(
        "m (float[N, 4] x) => (float[N, 1] y)"
        " <int64[1] k={3}, int64[1] none={0}, int64[1] one={1}>"
        " { r = Relu(x) v, i = TopK(r, k) y = Slice(v, none, one, one) }"
    )
    x = np.array([[2.0, 2.0, -1.0, -3.0], [2.0, 1.0, -1.0, -3.0], [-1.0, -1.0, -2.0, -2.0]])
    found = engine(model, x, order=1).coefficients(x)
    assert found.no_derivative is not None
    np.testing.assert_array_equal(found.no_derivative.events, [0])
    np.testing.assert_array_equal(found.no_derivative.mask[0, 0], [True, True, False, False])
