"""Fourier transforms: DFT and STFT, linear in the signal.

The last axis of a signal holds its real and imaginary part, or the real one alone. A transform is a
real matrix M, (signal length × parts, frequencies × parts), found by transforming unit vectors:
ẏ = Mᵀ ẋ and x̄ = M ȳ. STFT transforms frames, which are cut out of the signal and weighted.
"""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt

from onnxtaylor.rules.bundle import Bundle
from onnxtaylor.rules.parts import gather_along, scatter_along
from onnxtaylor.rules.rule import Bundles, Context, Node, refusal, register
from onnxtaylor.rules.structure import first_of, reshape, transpose
from onnxtaylor.rules.verbs import linear

__all__: list[str] = []

LARGEST = 2**24  # numbers of a matrix

Floats = npt.NDArray[np.float64]


def _number(c: Context, node: Node, place: int, default: int, what: str) -> int:
    """A whole number that a node reads; raises ModelError where it depends on the data."""
    if not node.input(place):
        return default
    value = c.value(node.input(place))
    if value is None:
        raise refusal(node, f"its {what} depends on the data")
    return int(value.reshape(-1)[0])


def _transformed(signal: npt.NDArray[np.complex128], node: Node, length: int) -> Floats:
    """Transforms signals along the last axis; the real and imaginary part go to a new last axis."""
    onesided, inverse = bool(node.get("onesided", 0)), bool(node.get("inverse", 0))
    # onnxruntime has the factor 1/length of an inverse in single precision, whatever the signal
    factor = float(np.float32(1 / length)) * length
    if inverse and onesided:
        return np.asarray(factor * np.fft.irfft(signal, n=length)[..., None])
    found = factor * np.fft.ifft(signal, n=length) if inverse else np.fft.fft(signal, n=length)
    if onesided:
        found = found[..., : length // 2 + 1]
    return np.stack([found.real, found.imag], axis=-1)


def _matrix(node: Node, size: int, parts: int, length: int, outputs: int) -> Floats:
    """M (size · parts, outputs): the transforms of all unit vectors, one row each."""
    if size * parts * outputs > LARGEST:
        raise refusal(node, f"its matrix would have more than {LARGEST} numbers")
    units = np.eye(size).astype(np.complex128)
    rows = np.stack([units, 1j * units][:parts], axis=1)  # (size, parts, size)
    return _transformed(rows, node, length).reshape(size * parts, outputs)


def _apply(c: Context, b: Bundle, axis: int, matrix: Floats, sizes: tuple[int, int]) -> Bundle:
    """Multiplies the axis and the last one together by a matrix; they get the given sizes."""
    rank = len(b.shape)
    order = [k for k in range(rank - 1) if k != axis] + [axis, rank - 1]
    turned = transpose(c, b, order)
    kept = turned.shape[:-2]
    row = reshape(c, turned, (*kept, prod(turned.shape[-2:])))
    name = c.e.op("MatMul", row.name, c.e.constant(matrix))
    wide = reshape(c, row.with_tensor(name, (*kept, prod(sizes))), (*kept, *sizes))
    return transpose(c, wide, [int(k) for k in np.argsort(order)])


def _dft(c: Context, node: Node) -> tuple[int, Floats]:
    """The axis of a DFT, and its matrix."""
    x, y = c.shape(node.inputs[0]), c.shape(node.outputs[0])
    axis = _number(c, node, 2, -2, "axis") % len(x)
    if x[axis] < 0 or x[-1] < 0:
        raise refusal(node, "it mixes the events of a batch")
    half = node.get("onesided", 0) and node.get("inverse", 0)
    length = _number(c, node, 1, 2 * (x[axis] - 1) if half else x[axis], "length")
    return axis, _matrix(node, x[axis], x[-1], length, y[axis] * y[-1])


def _dft_forward(c: Context, node: Node, t: Bundle) -> Bundles:
    (axis, matrix), y = _dft(c, node), c.shape(node.outputs[0])
    return [_apply(c, t, axis, matrix, (y[axis], y[-1]))]


def _dft_backward(c: Context, node: Node, adjoints: Bundles) -> Bundle:
    (axis, matrix), x = _dft(c, node), c.shape(node.inputs[0])
    return _apply(c, first_of(adjoints), axis, matrix.T, (x[axis], x[-1]))


def _frames(c: Context, node: Node) -> tuple[npt.NDArray[np.int64], Floats]:
    """The places in the signal that each frame takes (frames, length), and the matrix of a frame.

    The matrix contains the window.
    """
    x, y = c.shape(node.inputs[0]), c.shape(node.outputs[0])
    if min(x[1:]) < 0:
        raise refusal(node, "it mixes the events of a batch")
    window = None
    if node.input(2):
        window = c.value(node.input(2))
        if window is None:
            raise refusal(node, "its window depends on the data")
    length = _number(c, node, 3, x[1] if window is None else len(window), "frame length")
    step = _number(c, node, 1, 1, "frame step")
    places = np.arange(y[1])[:, None] * step + np.arange(length)
    onesided = Node(node.kind, node.name, (), (), {"onesided": node.get("onesided", 1)})
    matrix = _matrix(onesided, length, x[2], length, y[2] * y[3])
    if window is not None:
        matrix *= np.repeat(window.astype(np.float64), x[2])[:, None]
    return places, matrix


def _stft_forward(c: Context, node: Node, t: Bundle) -> Bundles:
    (places, matrix), y = _frames(c, node), c.shape(node.outputs[0])
    return [_apply(c, gather_along(c, t, places, 1), 2, matrix, (y[2], y[3]))]


def _stft_backward(c: Context, node: Node, adjoints: Bundles) -> Bundle:
    (places, matrix), x = _frames(c, node), c.shape(node.inputs[0])
    frames = _apply(c, first_of(adjoints), 2, matrix.T, (places.shape[1], x[2]))
    return scatter_along(c, frames, places, 1, x[1])


register("DFT", linear(_dft_forward, _dft_backward))
register("STFT", linear(_stft_forward, _stft_backward))
