"""Both engines against TensorFlow, network by network.

Every network is exported from float32 and from float64, by each exporter, and every file is
differentiated at the same events. The deviations are norm-wise and relative, the largest of all
events: ‖J − J_TF‖ / ‖J_TF‖ and ‖H − H_TF‖ / ‖H_TF‖ with TensorFlow's J and H in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from validation.both_engines import CELLS, Answer, apart, clear_events, deviations
from validation.tensorflow_hessians.exporters import EXPORTERS, has_erfc, without_erfc
from validation.tensorflow_hessians.networks import Built, Kit, Network
from validation.tensorflow_hessians.reference import derivatives, hessian_by_differences

__all__ = ["compare"]

Floats = npt.NDArray[np.float64]
Record = dict[str, Any]

DATA = 64  # events that the engines see


def compare(network: Network, events: int) -> tuple[Record, list[Record]]:
    """What is found of TensorFlow alone, and a row for each exporter."""
    users = {dtype: network.build(Kit(dtype)) for dtype in ("float32", "float64")}
    asked = {dtype: network.build(Kit("float64", dtype)) for dtype in users}
    n = sum(prod(i.shape[1:]) for i in users["float32"].model.inputs)
    random = np.random.default_rng(len(network.name))
    data = random.normal(size=(DATA, n)).astype(np.float32).astype(np.float64)
    files = {
        (name, dtype): _sound(export(built.model))
        for name, export in EXPORTERS.items()
        for dtype, built in users.items()
    }
    x = clear_events(asked["float32"].sides, files["Keras", "float32"][0], data)[:events]
    wanted = {dtype: Answer(*derivatives(built.flat, x)) for dtype, built in asked.items()}
    reference = {
        "network": network.name,
        "features": n,
        "responses": wanted["float32"].value.shape[1],
        "kinks": asked["float32"].sides is not None,
        **_of_tensorflow(network, asked["float64"], users["float64"], x, wanted),
    }
    rows = []
    for name in EXPORTERS:
        cells = {
            cell.title: deviations(files[name, cell.file][0], data, x, cell, wanted[cell.file])
            for cell in CELLS
        }
        proto, erfc = files[name, "float32"]
        opset = max(e.version for e in proto.opset_import if e.domain == "")
        rows.append(
            {"network": network.name, "exporter": name, "opset": opset, "erfc": erfc}
            | {"cells": cells}
        )
    return reference, rows


def _sound(proto: onnx.ModelProto) -> tuple[onnx.ModelProto, bool]:
    erfc = has_erfc(proto)
    return (without_erfc(proto) if erfc else proto), erfc


def _of_tensorflow(
    network: Network, asked: Built, users: Built, x: Floats, wanted: Mapping[str, Answer]
) -> Record:
    """What TensorFlow makes of the same function in float32, by differences of its own Jacobian,
    and of the layers as Keras has them (where these are not recurrent).
    """
    single = Answer(*derivatives(network.build(Kit("float32", "float32")).flat, x, "float32"))
    found: Record = {
        "float32": [apart(a, b) for a, b in zip(single[1:], wanted["float32"][1:], strict=True)],
        "by_differences": apart(hessian_by_differences(asked.flat, x), wanted["float64"].hessian),
        "as_it_is": None,
    }
    if not any(type(layer).__name__ in ("GRU", "LSTM") for layer in users.model.layers):
        _, j, h = derivatives(users.flat, x)
        double = wanted["float64"]
        found["as_it_is"] = [apart(j, double.jacobian), apart(h, double.hessian)]
    return found
