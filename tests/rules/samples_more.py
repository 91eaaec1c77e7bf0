"""More samples, one a line: see ``sample.py`` for the words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.rules.sample import Sample, Varying, c, sample, v, x
from tests.rules.samples_signals import SIGNALS

__all__ = ["MORE"]


def apart(*shape: int, batch: int = 0, order: int = 3) -> Varying:
    """Elements that never change their order, in an order of no kind."""
    size = int(np.prod(shape))
    low = np.random.default_rng(order).permutation(size).reshape(shape) * (2.0 / size) - 1.0
    return x(*shape, low=low, high=low + 1.2 / size, batch=batch)


def _convolutions() -> Iterator[Sample]:
    image, line, cube = x(2, 5, 4), x(2, 6), x(1, 3, 3, 4)
    yield sample("Conv", image, c(3, 2, 3, 2), c(3))
    yield sample("Conv", image, c(3, 2, 3, 2), pads=[1, 0, 2, 1], strides=[2, 1])
    yield sample("Conv", image, c(4, 1, 2, 2), c(4), group=2, dilations=[2, 1], single=True)
    yield sample("Conv", image, c(3, 2, 2, 3), auto_pad="SAME_UPPER", strides=[2, 2])
    yield sample("Conv", image, c(3, 2, 2, 3), auto_pad="SAME_LOWER", strides=[3, 2])
    yield sample("Conv", image, c(3, 2, 2, 3), auto_pad="VALID", strides=[2, 2])
    yield sample("Conv", line, c(3, 2, 3), c(3), strides=[2])
    yield sample("Conv", line, c(3, 2, 2), strides=[3], pads=[1, 0], opset=22)
    yield sample("Conv", cube, c(2, 1, 2, 2, 2))
    small = x(2, 3, 2)
    yield sample("ConvTranspose", small, c(2, 3, 3, 2), c(3))
    yield sample("ConvTranspose", small, c(2, 3, 3, 2), strides=[2, 3], output_padding=[1, 2])
    yield sample("ConvTranspose", small, c(2, 3, 3, 2), pads=[1, 0, 1, 1], strides=[2, 2])
    yield sample("ConvTranspose", small, c(2, 2, 2, 2), group=2, dilations=[2, 1], single=True)
    yield sample("ConvTranspose", x(2, 4), c(2, 3, 3), c(3), strides=[2], auto_pad="SAME_UPPER")
    yield sample("ConvTranspose", x(2, 4), c(2, 3, 3), strides=[2], output_shape=[8], single=True)


def _pooling() -> Iterator[Sample]:
    image = x(2, 5, 4)
    yield sample("AveragePool", image, kernel_shape=[2, 3])
    for padded in (0, 1):
        pads, more = [1, 0, 1, 1], {"strides": [2, 2], "count_include_pad": padded}
        yield sample("AveragePool", image, kernel_shape=[3, 2], pads=pads, **more)
        yield sample(
            "AveragePool", x(1, 7), kernel_shape=[3], strides=[2], count_include_pad=padded
        )
    yield sample("AveragePool", image, kernel_shape=[2, 2], dilations=[2, 1])
    yield sample("AveragePool", image, kernel_shape=[3, 3], auto_pad="SAME_UPPER", strides=[2, 2])
    yield sample("AveragePool", x(2, 6, 5), kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1)
    yield sample("AveragePool", x(1, 3, 2, 3), kernel_shape=[2, 2, 2])
    yield sample("GlobalAveragePool", image)
    yield sample("GlobalAveragePool", x(2, 4))
    yield sample("MaxPool", apart(2, 4, 4), kernel_shape=[2, 2], strides=[2, 2])
    yield sample("MaxPool", apart(2, 4, 5), kernel_shape=[3, 2], pads=[1, 0, 1, 1])
    yield sample("MaxPool", apart(1, 7), kernel_shape=[3], strides=[2], dilations=[2])
    yield sample("MaxPool", apart(2, 5), kernel_shape=[2], strides=[2], ceil_mode=1)
    yield sample("MaxPool", apart(1, 2, 3, 3), kernel_shape=[2, 2, 2])
    yield sample("MaxPool", apart(2, 4, 4), kernel_shape=[2, 2], outputs=2, used=[0])
    yield sample("GlobalMaxPool", apart(2, 3, 2))


def _reductions() -> Iterator[Sample]:
    for kind in ("ReduceMax", "ReduceMin"):
        yield sample(kind, apart(2, 4), v([2]), keepdims=0)
        yield sample(kind, apart(2, 4), v([1]))
        yield sample(kind, apart(2, 3, 2), v([1, -1]), keepdims=0)
        yield sample(kind, apart(2, 3, batch=1), v([0]), keepdims=0)
        yield sample(kind, apart(3), v([1]), opset=18)
    for low in (0.5, -0.4):
        yield sample("ReduceProd", x(2, 4, low=low, high=1.5), v([2]), keepdims=0)
    yield sample("ReduceProd", x(2, 3), v([1]))
    yield sample("ReduceProd", x(2, 2, 2), v([1, 3]), keepdims=0)
    yield sample("ReduceProd", x(1, 3), v([1]))
    for more in ({}, {"exclusive": 1}, {"reverse": 1}, {"exclusive": 1, "reverse": 1}):
        yield sample("CumSum", x(2, 4), v(2), **more)
    yield sample("CumSum", x(3, 2), v(-2))
    yield sample("TopK", apart(6), v([3]), outputs=2, used=[0])
    yield sample("TopK", apart(2, 4), v([2]), outputs=2, used=[0], axis=1, largest=0)
    yield sample("TopK", apart(5, 2), v([2]), outputs=2, used=[0], axis=1)


def _places() -> Iterator[Sample]:
    for mode in ("constant", "reflect", "edge", "wrap"):
        yield sample("Pad", x(3, 4), v([0, 1, 2, 0, 0, 1]), mode=mode)
    yield sample("Pad", x(3, 4), v([0, -1, 2, 0, 1, -1]), v(0.5))
    yield sample("Pad", x(3, 2), v([1, 0, 0, 1]), None, v([1, -1]))
    yield sample("Pad", x(2, 3, batch=1), v([1, 0, 0, 0, 0, 1]), batch=1)
    yield sample("Tile", x(2, 3), v([1, 2, 1]))
    yield sample("Tile", x(3), v([1, 3]))
    yield sample("Tile", x(2, 2, batch=1), v([2, 1, 3]), batch=1)
    for mode in ("DCR", "CRD"):
        yield sample("DepthToSpace", x(8, 1, 2), blocksize=2, mode=mode)
    yield sample("SpaceToDepth", x(1, 2, 4), blocksize=2)
    yield sample("Trilu", x(3, 4))
    yield sample("Trilu", x(3, 4), v(-1), upper=0)
    yield sample("Compress", x(4, 2), v([True, False, True, True]), axis=1)


def _selections() -> Iterator[Sample]:
    def rows(g, a, indices):  # type: ignore[no-untyped-def]
        """The same indices for each of the events, however many."""
        shape = g.op("Concat", g.op("Shape", "features", end=1), g.constant([1, 1]), axis=0)
        return g.op("GatherElements", a, g.op("Expand", indices, shape), axis=1)

    def by_data(g, a):  # type: ignore[no-untyped-def]
        """Indices that the data choose."""
        return g.op("GatherElements", a, g.op("ArgMax", a, axis=2), axis=2)

    def update(how):  # type: ignore[no-untyped-def]
        def body(g, a, u, i):  # type: ignore[no-untyped-def]
            shape = g.op("Concat", g.op("Shape", "features", end=1), g.constant([1, 1]), axis=0)
            return g.op("ScatterElements", a, g.op("Expand", i, shape), u, axis=1, reduction=how)

        return body

    yield sample("GatherElements", x(3, 2), v([[[2, 0], [0, 0]]]), body=rows)
    yield sample("GatherElements", apart(3, 2), body=by_data)
    for how, left in (("none", x(3, 2)), ("add", x(3, 2)), ("add", c(1, 3, 2))):
        if isinstance(left, Varying):
            yield sample("ScatterElements", left, x(2, 2), v([[[2, 0], [0, 1]]]), body=update(how))
    yield sample("GatherND", x(3, 2, batch=1), v([[0], [2], [0]]), batch=1)
    yield sample("GatherND", x(2, 3, batch=2), v([[1, 2], [0, 0]]), batch=1)
    for how in ("none", "add"):
        yield sample(
            "ScatterND", x(3, 2, batch=1), v([[2], [0]]), x(2, 2, batch=1), reduction=how, batch=1
        )
        yield sample(
            "ScatterND",
            x(3, 2, batch=1),
            v([[2], [0]]),
            x(2, 2, batch=1),
            reduction=how,
            batch=1,
            opset=18,
        )


def _rows_of_events(g, a, many, size):  # type: ignore[no-untyped-def]
    """[N, many, size] as the flattened batch [N·many, size], and for each column the row of its
    largest element, [N, size].
    """
    rows = g.op("Reshape", a, g.constant([-1, size]))
    number = g.op("Range", g.constant(0), _count(g), g.constant(1))
    first = g.op("Reshape", g.op("Mul", number, g.constant(many)), g.constant([-1, 1]))
    return rows, g.op("Add", g.op("ArgMax", a, axis=1, keepdims=0), first)


def _count(g):  # type: ignore[no-untyped-def]
    """The number of events."""
    shape = g.op("Shape", "features", end=1)
    return g.op("Reshape", shape, g.constant(np.array([], np.int64)))


def _neighbours() -> Iterator[Sample]:
    """Rows of the flattened batch at indices that the data choose."""

    def in_rows(g, a):  # type: ignore[no-untyped-def]
        rows, where = _rows_of_events(g, a, 4, 3)
        return g.op("Gather", rows, where, axis=0)

    def in_columns(g, a):  # type: ignore[no-untyped-def]
        """Along another axis, counted from the end, with an index for each row."""
        rows, where = _rows_of_events(g, a, 4, 3)
        back = g.op("Sub", where, g.op("Mul", _count(g), g.constant(4)))
        flat = g.op("Reshape", back, g.constant([-1]))
        found = g.op("Gather", g.op("Transpose", rows, perm=[1, 0]), flat, axis=1)
        return g.op("Reshape", g.op("Transpose", found, perm=[1, 0]), g.constant([-1, 9]))

    def of_a_table(g, a, table):  # type: ignore[no-untyped-def]
        """The table does not vary; what it says is a factor."""
        return g.op("Mul", a, g.op("Gather", table, g.op("ArgMax", a, axis=1, keepdims=0)))

    def elements(g, a):  # type: ignore[no-untyped-def]
        rows, where = _rows_of_events(g, a, 4, 3)
        return g.op("GatherElements", rows, where, axis=0)

    def table_elements(g, a, table):  # type: ignore[no-untyped-def]
        wide = g.op("Expand", table, g.op("Shape", a))
        return g.op("Mul", a, g.op("GatherElements", wide, g.op("ArgMax", a, axis=1), axis=1))

    def put_back(g, a, u):  # type: ignore[no-untyped-def]
        rows, where = _rows_of_events(g, a, 4, 3)
        found = g.op("ScatterElements", rows, where, u, axis=0, reduction="add")
        return g.op("Reshape", found, g.constant([-1, 12]))

    def by_rows(g, a):  # type: ignore[no-untyped-def]
        rows, where = _rows_of_events(g, a, 4, 3)
        return g.op("GatherND", rows, g.op("Unsqueeze", where, g.constant([-1])))

    def by_rows_of_a_table(g, a, table):  # type: ignore[no-untyped-def]
        where = g.op("Unsqueeze", g.op("ArgMax", a, axis=1, keepdims=0), g.constant([-1]))
        return g.op("Mul", a, g.op("GatherND", table, where))

    def put_rows(g, a, u):  # type: ignore[no-untyped-def]
        rows, where = _rows_of_events(g, a, 4, 3)
        updates = g.op("Reshape", u, g.constant([-1, 3, 3]))
        where = g.op("Unsqueeze", where, g.constant([-1]))
        found = g.op("ScatterND", rows, where, updates, reduction="add")
        return g.op("Reshape", found, g.constant([-1, 12]))

    yield sample("Gather", apart(4, 3), body=in_rows)
    yield sample("Gather", apart(4, 3, order=5), body=in_columns)
    yield sample("Gather", apart(4), c(4, 4), body=of_a_table)
    yield sample("GatherElements", apart(4, 3), body=elements)
    yield sample("GatherElements", apart(4, 3), c(1, 4, 3), body=table_elements)
    yield sample("ScatterElements", apart(4, 3), x(3), body=put_back)
    yield sample("GatherND", apart(4, 3), body=by_rows)
    yield sample("GatherND", apart(4), c(4, 4), body=by_rows_of_a_table)
    yield sample("ScatterND", apart(4, 3), x(3, 3), body=put_rows)


def _resizing() -> Iterator[Sample]:
    modes = ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
    for mode in ("nearest", "linear", "cubic"):
        for place in modes:
            yield sample(
                "Resize",
                x(1, 3, 4),
                None,
                v([1.0, 1.0, 2.0, 1.5]),
                mode=mode,
                coordinate_transformation_mode=place,
                single=True,
            )
        yield sample(
            "Resize", x(1, 4, 5), None, None, v([2, 3]), axes=[2, 3], mode=mode, single=True
        )
    for how in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        yield sample("Resize", x(1, 4), None, v([1.0, 1.0, 1.75]), nearest_mode=how, single=True)
    yield sample(
        "Resize",
        x(1, 4, 4),
        None,
        v([1.0, 1.0, 0.8, 2.0]),
        mode="cubic",
        exclude_outside=1,
        cubic_coeff_a=-0.5,
        single=True,
    )


def _normalization() -> Iterator[Sample]:
    for shape in ((3,), (3, 2), (3, 2, 2)):
        yield sample("BatchNormalization", x(*shape), c(3), c(3), c(3), c(3, low=0.5), epsilon=0.01)


def _sums() -> Iterator[Sample]:
    a, b = x(2, 3), x(3, 2)
    yield sample("Einsum", a, c(3, 4), equation="nij,jk->nik")
    yield sample("Einsum", c(4, 2), a, equation="ki, nij -> nkj")
    yield sample("Einsum", a, b, equation="nij,njk->nik")
    yield sample("Einsum", a, b, equation="nij,njk->nki")
    yield sample("Einsum", a, b, equation="...ij,...jk")
    yield sample("Einsum", a, c(3, 2), equation="...ij,jk->...ik")
    yield sample("Einsum", a, equation="nij->nj")
    yield sample("Einsum", a, equation="nij->nji")
    yield sample("Einsum", a, x(3), equation="nij,nj->ni")
    yield sample("Einsum", x(3), x(3), equation="ni,ni->n", body=_column("ni,ni->n"))
    yield sample("Einsum", a, x(3), x(2), equation="nij,nj,ni->nij")
    yield sample("Einsum", a, c(3, 2), x(2), equation="nij,jk,nk->ni")
    yield sample("Einsum", x(1, 3), x(2, 3), equation="n...,n...->n...")
    yield sample("Einsum", x(2, batch=1), x(2), equation="in,nj->nij")
    yield sample("Einsum", a, x(2, 3), equation="nij,nkl->nijl")
    yield sample("Einsum", a, x(1, 2), equation="nij,njk->nik")
    yield sample("Einsum", x(2, 4), x(3), equation="nij,nk->nik")
    yield sample("Einsum", x(3), x(2, 4), equation="nk,nij->nik")
    yield sample("Einsum", x(2, 2, 3), x(2, 2, 3), equation="bhid,bhjd->bhij")


def _column(equation: str):  # type: ignore[no-untyped-def]
    """One number for each event, in a column."""
    return lambda g, a, b: g.op(
        "Unsqueeze", g.op("Einsum", a, b, equation=equation), g.constant(np.array([1]))
    )


def _remainders() -> Iterator[Sample]:
    sides = {"low": [-2.9, 1.2, 2.2], "high": [-2.3, 1.8, 2.8]}
    yield sample("Mod", x(3, **sides), v([1.1, 0.9, 2.0]), fmod=1)
    yield sample("Mod", x(3, **sides), x(1, low=0.99, high=1.01), fmod=1)
    yield sample("Cast", x(3, low=-0.4, high=0.4), body=_by_whole_numbers)


def _by_whole_numbers(g, a):  # type: ignore[no-untyped-def]
    """What is cast to whole numbers and back varies in steps."""
    steps = g.op("Cast", g.op("Add", a, g.constant(np.array(10.5))), to=7)
    return g.op("Add", a, g.cast(steps))


def _activations() -> Iterator[Sample]:
    yield sample("Gelu", x(3, low=-2.0, high=2.0))
    # in double precision onnxruntime runs a body with a constant of single precision
    yield sample("Gelu", x(3, low=-2.0, high=2.0), approximate="tanh", single=True)
    yield sample("Mish", x(3, low=-2.0, high=2.0))
    yield sample("CastLike", x(3, low=1.2, high=1.8), v([1]), zero=True)


MORE: list[Sample] = [
    *_convolutions(),
    *_pooling(),
    *_reductions(),
    *_places(),
    *_selections(),
    *_neighbours(),
    *_resizing(),
    *_normalization(),
    *_sums(),
    *_remainders(),
    *_activations(),
    *SIGNALS,
]
