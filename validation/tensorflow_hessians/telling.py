"""The section of the README."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["section"]

Numbers = Mapping[str, Any]
TITLES = (
    "exact, float32",
    "exact, float64",
    "differences",
    "exact, float64 file",
    "differences, float64 file",
)


def section(numbers: Numbers) -> str:
    """What was compared with what, a row for every network and exporter, and what was found."""
    networks = len(numbers["references"])
    parts = [
        f"{networks} Keras networks with random weights, each exported by Keras itself"
        ' (`model.export(..., format="onnx")`) and by tf2onnx, in float32 and in float64. Every'
        f" file is differentiated at {numbers['events']} events and held against nested"
        " GradientTapes in float64: ‖J − J_TF‖ / ‖J_TF‖ and ‖H − H_TF‖ / ‖H_TF‖ in the Frobenius"
        " norm, the largest of all events. Weights and events are numbers of float32, so both"
        " formats mean one function. *Exact, float64* and *differences* are the float32 file with"
        ' `precision="float64"`, as users have it. The networks are our choice; the publications'
        " state no such comparison.",
        "![Deviations](figures/tensorflow_hessians-deviations.png)",
        _rows(numbers),
        "What the comparison had to know, and what it found:",
        "\n".join(f"- {line}" for line in _findings(numbers)),
        _reference(numbers),
    ]
    return "\n\n".join(parts)


def _rows(numbers: Numbers) -> str:
    size = {r["network"]: f"{r['features']}×{r['responses']}" for r in numbers["references"]}
    head = "| network | n×C | exporter, opset | " + " | ".join(TITLES) + " |\n"
    lines = [head + "| --- | --- | --- |" + " ---: |" * len(TITLES)]
    for row in numbers["rows"]:
        cells = [_cell(row["cells"][title]) for title in TITLES]
        what = [row["network"], size[row["network"]], f"{row['exporter']}, {row['opset']}"]
        lines.append(f"| {' | '.join([*what, *cells])} |")
    return "Deviations of J / H.\n\n" + "\n".join(lines)


def _cell(entry: Mapping[str, Any]) -> str:
    if "refused" in entry:
        return "refused"
    return f"{entry['jacobian']:.0e} / {entry['hessian']:.0e}"


def _findings(numbers: Numbers) -> list[str]:
    references, proof = numbers["references"], numbers["proof"]
    lines = [
        "**Nested tapes.** The inner Jacobian must be taken while the outer tape records. Where it"
        f" is not, `batch_jacobian` answers with zeros and no word (largest number"
        f" {proof['wrongly_nested']:.0f}, where {proof['largest']:.0f} is right)."
    ]
    stopped = [r for r in references if r["as_it_is"] and r["as_it_is"][1] > 1e-3]
    if stopped:
        off = ", ".join(f"{r['network']} {r['as_it_is'][1]:.0%}" for r in stopped)
        lines.append(
            "**LayerNormalization in TensorFlow has no right Hessian.** `tf.nn.moments`, which"
            " Keras's layer uses, stops the gradient of the mean inside the variance. The first"
            " derivative is the same (the derivative by the mean vanishes there), the second lacks"
            f" a term: {off} of the Hessian's norm. Differences of TensorFlow's own Jacobian, made"
            " with one tape, side with our engines, to "
            f"{max(r['by_differences'] for r in stopped):.0e}. The reference computes the same"
            " layer without that."
        )
    if any(row["erfc"] for row in numbers["rows"]):
        c = numbers["gelu_constant"]
        lines.append(
            "**GELU.** TensorFlow's is x/2 erfc(−x √½), and both exporters write an operator `Erfc`"
            " that ONNX does not have: no runtime loads such a file. Here 1 − Erf was put in its"
            " place. Its √½ is rounded to single precision, in float64, too: off by"
            f" {c['double']:.0e} from the GELU with √½, by {c['single']:.0e} from the one with"
            " √½ rounded."
        )
    refused = {
        row["network"]: cell["refused"]
        for row in numbers["rows"]
        for cell in row["cells"].values()
        if "refused" in cell
    }
    for network, reason in refused.items():
        lines.append(
            f"**{network}** is exported as a loop, which the exact engine refuses (“{reason}”)."
            ' With `unroll=True` it is one graph. `engine="auto"` takes differences.'
        )
    lines += [
        "**Numbers of a file.** A float32 file holds ε = 10⁻³ and the constants of GELU in single"
        " precision, and the exporters fold a batch normalization into two numbers of single"
        " precision; SELU's numbers are attributes, in single precision in any file. TensorFlow"
        " computes with the same ones. In float64 files without attributes nothing is rounded.",
        "**Kinks.** At ReLU, ELU and SELU the first or second derivative jumps, and differences"
        " across the jump are none: events were chosen whose arguments keep their signs within"
        " twice the reach of the stencil, along all axes and diagonals of two.",
    ]
    return lines


def _reference(numbers: Numbers) -> str:
    worst = max(max(r["float32"]) for r in numbers["references"])
    slopes = max(r["by_differences"] for r in numbers["references"])
    return (
        "How good is the reference? On a polynomial it is off by"
        f" {max(numbers['proof']['jacobian'], numbers['proof']['hessian']):.0g}. In every network"
        " its Hessian was compared with differences of its own Jacobian, made with one tape:"
        f" {slopes:.0e} at most. TensorFlow's float32 is off from its float64 by up to {worst:.0e}."
    )
