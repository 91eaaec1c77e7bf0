"""The section of the README."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["section"]

Numbers = Mapping[str, Any]


def section(numbers: Numbers) -> str:
    """What was compared with what, a row for every network and exporter, and what to know."""
    found = numbers["versions"]
    versions = ", ".join(f"{name} {found[name]}" for name in ("torch", "jax", "jax2onnx"))
    parts = [
        f"The same as against TensorFlow, for PyTorch and JAX ({versions}) with their own layers,"
        f" on the CPU: {numbers['events']} events, J and H in double precision by `torch.func`"
        " (`jacrev`, `jacfwd(jacrev)`) and by `jax.jacrev` and `jax.hessian`. PyTorch writes files"
        " with both of its exporters, JAX by jax2onnx, which Keras uses for its JAX backend, too."
        " (`jax2tf` is no way to ONNX any more: it writes one `XlaCallModule`, which tf2onnx cannot"
        " read.) Networks and events are our choice; nothing of this is published elsewhere.",
        _rows(numbers),
        "The files are what they are: SELU's two numbers are attributes, in single precision in any"
        " file, so the frameworks get them rounded; at ReLU, ELU and SELU events were chosen that"
        " are clear of kinks. PyTorch's BatchNorm1d stands behind the activation: in front of it"
        " dynamo folds it into the layer's weights, in the file's precision.",
        "**One set of weights.** 30 → 64 → 64 → 5 with a softmax, built from the same arrays by"
        " each framework, written by "
        + "; ".join(numbers["one_set"][0]["files"])
        + ". The largest deviation of J and H between any two files, and between those that are not"
        " Keras's:",
        _sets(numbers),
        "In single precision the same function is computed in another order. The GELU of"
        " TensorFlow multiplies with √½ = 0.70710677, rounded to single precision, in float64, too"
        " (see TensorFlow's Hessians): Keras's file holds another function than the others, and"
        " that is what the comparison finds.",
    ]
    return "\n\n".join(parts)


def _rows(numbers: Numbers) -> str:
    titles = list(numbers["rows"][0]["cells"])
    head = "| network | n×C | exporter, opset | " + " | ".join(titles) + " |\n"
    lines = [head + "| --- | --- | --- |" + " ---: |" * len(titles)]
    for row in numbers["rows"]:
        cells = [_cell(row["cells"][title]) for title in titles]
        name = f"{row['framework']}: {row['network']}"
        what = [name, f"{row['features']}×{row['responses']}"]
        what.append(f"{row['exporter']}, {row['opset']}")
        lines.append(f"| {' | '.join([*what, *cells])} |")
    return "Deviations of J / H, the largest of all events.\n\n" + "\n".join(lines)


def _cell(entry: Mapping[str, Any]) -> str:
    if "refused" in entry:
        return "refused"
    return f"{entry['jacobian']:.0e} / {entry['hessian']:.0e}"


def _sets(numbers: Numbers) -> str:
    titles = list(numbers["one_set"][0]["cells"])
    lines = [
        "| network | " + " | ".join(titles) + " |\n| --- |" + " ---: |" * len(titles),
    ]
    for entry in numbers["one_set"]:
        for key, note in (("largest", ""), ("without_keras", ", without Keras")):
            cells = [f"{v:.0e}" if (v := entry["cells"][title][key]) else "0" for title in titles]
            lines.append(f"| {entry['kind']}{note} | {' | '.join(cells)} |")
    return "\n".join(lines)
