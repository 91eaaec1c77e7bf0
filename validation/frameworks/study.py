"""What is run, and what is claimed of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from validation.both_engines import CELLS, Answer, clear_events, deviations
from validation.frameworks import in_jax, in_pytorch, one_set
from validation.frameworks.telling import section
from validation.reference import polynomial as torch_polynomial
from validation.study import Claim, Outcome, Study

__all__ = ["NEEDS", "STUDY", "claims_of", "missing", "run"]

Floats = npt.NDArray[np.float64]
Numbers = Mapping[str, Any]
Record = dict[str, Any]

NEEDS = ("torch", "onnxscript", "jax", "jax2onnx", "tensorflow", "keras", "tf2onnx")
LIMITS = {"exact, float32": 5e-6, "exact, float64": 1e-12, "differences": 1e-6}
EVENTS, SHORT_EVENTS, DATA = 8, 3, 64
SHORT = {"PyTorch": ("GELU", "LSTM"), "JAX": ("selu", "layer normalization, gelu")}
# tf.nn.gelu multiplies with a √½ of single precision in any format: see tensorflow_hessians
KERAS_OWN, KERAS_LIMIT = "layer normalization, gelu", 1e-7


def missing() -> list[str]:
    """The packages that the study needs and does not find."""
    absent = []
    for package in NEEDS:
        try:
            version(package)
        except PackageNotFoundError:
            absent.append(package)
    return absent


def run(short: bool) -> Outcome:
    """All networks of both frameworks; two of each, and one set of weights, in the short form."""
    import torch

    events = SHORT_EVENTS if short else EVENTS
    kinds = one_set.KINDS[-1:] if short else one_set.KINDS
    numbers = {
        "events": events,
        "versions": {package: version(package) for package in NEEDS},
        "proof": {"PyTorch": torch_polynomial(torch), "JAX": in_jax.polynomial()},
        "rows": [*_pytorch(events, short), *_jax(events, short)],
        "one_set": [one_set.compare(kind, events) for kind in kinds],
    }
    return Outcome(numbers, claims_of(numbers))


def _data(n: int) -> Floats:
    x = np.random.default_rng(5).normal(size=(DATA, n))
    return x.astype(np.float32).astype(np.float64)


def _pytorch(events: int, short: bool) -> Iterator[Record]:
    for name, (shape, write) in in_pytorch.NETWORKS.items():
        if short and name not in SHORT["PyTorch"]:
            continue
        double, data = in_pytorch.build(write), _data(prod(shape))
        single = copy.deepcopy(double).float()
        asked, sides = in_pytorch.as_in_file(double), in_pytorch.sides_of(double)
        files = {
            exporter: {"float32": export(single, shape), "float64": export(double, shape)}
            for exporter, export in in_pytorch.EXPORTERS.items()
        }

        def flat(rows: Floats, sides: Any = sides, shape: Any = shape) -> Floats:
            return np.asarray(sides(rows.reshape(-1, *shape)))

        x = clear_events(flat if sides else None, files["TorchScript"]["float32"], data)[:events]
        wanted = in_pytorch.answer(asked, x, shape)
        for exporter, protos in files.items():
            both = dict.fromkeys(protos, wanted)
            yield _row("PyTorch", name, exporter, data, x, protos, both)


def _jax(events: int, short: bool) -> Iterator[Record]:
    for name, (n, write) in in_jax.NETWORKS.items():
        if short and name not in SHORT["JAX"]:
            continue
        data = _data(n)
        for exporter, export in in_jax.EXPORTERS.items():
            protos = {dtype: export(write(""), n, dtype) for dtype in ("float32", "float64")}
            x = clear_events(in_jax.sides_of(name), protos["float32"], data)[:events]
            wanted = {dtype: in_jax.answer(write(dtype), x) for dtype in protos}
            yield _row("JAX", name, exporter, data, x, protos, wanted)


def _row(
    framework: str,
    name: str,
    exporter: str,
    data: Floats,
    x: Floats,
    protos: Mapping[str, onnx.ModelProto],
    wanted: Mapping[str, Answer],
) -> Record:
    cells = {c.title: deviations(protos[c.file], data, x, c, wanted[c.file]) for c in CELLS}
    opset = max(e.version for e in protos["float32"].opset_import if e.domain == "")
    return {
        "framework": framework,
        "network": name,
        "features": x.shape[1],
        "responses": wanted["float32"].value.shape[1],
        "exporter": exporter,
        "opset": opset,
        "cells": cells,
    }


# --- claims --------------------------------------------------------------------------------------


def worst(rows: list[Record], framework: str, title: str) -> tuple[float, str]:
    """The largest deviation of J and H in the cells of a title, and where; ∞ where one refuses."""
    found = []
    for row in rows:
        for cell in CELLS:
            if row["framework"] == framework and cell.title.startswith(title):
                entry, where = row["cells"][cell.title], f"{row['network']}, {row['exporter']}"
                orders = (np.inf,) if "refused" in entry else (entry["jacobian"], entry["hessian"])
                found += [(value, where) for value in orders]
    return max(found)


def claims_of(numbers: Numbers) -> list[Claim]:
    """What the study says; from the numbers alone."""
    claims = []
    for framework, off in numbers["proof"].items():
        says = f"{framework}'s derivatives of a polynomial are those that are known: 1e-14"
        claims.append(Claim(says, f"off by {off:.1g}", off <= 1e-14))
    for framework in numbers["proof"]:
        for title, limit in LIMITS.items():
            value, where = worst(numbers["rows"], framework, title)
            says = f"{title}: worst deviation of J and H from {framework} ≤ {limit:.0e}"
            claims.append(Claim(says, f"{value:.1e} ({where})", value <= limit))
    for title, limit in LIMITS.items():
        value, where = _worst_of_sets(numbers["one_set"], title)
        says = f"one set of weights, {title}: any two files agree to {limit:.0e}"
        claims.append(Claim(f"{says} ¹", f"{value:.1e} ({where})", value <= limit))
    own = [s["cells"]["exact, float64"]["largest"] for s in numbers["one_set"] if _own(s)]
    if own:
        says = "¹ but for Keras's GELU, which is another function, by 1e-7 at most"
        claims.append(Claim(says, f"{max(own):.1e}", 1e-12 < max(own) <= KERAS_LIMIT))
    return claims


def _own(entry: Mapping[str, Any]) -> bool:
    return bool(entry["kind"] == KERAS_OWN)


def _worst_of_sets(entries: list[Record], title: str) -> tuple[float, str]:
    """Of the network whose function Keras changes, what the other files say."""
    return max(
        (cell["without_keras" if _own(entry) else "largest"], entry["kind"])
        for entry in entries
        for name, cell in entry["cells"].items()
        if name.startswith(title)
    )


STUDY = Study(
    name="frameworks",
    title="PyTorch, JAX, and one set of weights in three frameworks",
    run=run,
    section=section,
    needs=NEEDS,
)
