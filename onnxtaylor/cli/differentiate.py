"""``onnxtaylor differentiate``: saves a model's derivative graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from onnxtaylor.cli import console, files
from onnxtaylor.cli.declared import takes
from onnxtaylor.cli.flags import as_flags
from onnxtaylor.cli.options import Model, file_option
from onnxtaylor.options import EngineOptions, ModelOptions
from onnxtaylor.options.model import DerivativeOptions

__all__ = ["differentiate"]


@takes(
    ModelOptions,
    DerivativeOptions,
    EngineOptions,
    only=(
        *("input", "context", "mask", "fix", "inputs", "no_batch", "output", "link"),
        *("n_features", "order", "mode", "names"),
    ),
    texts={"order": "Order of the derivatives: 1, 2 with the Hessian, or 3"},
)
def differentiate(
    model: Model,
    out: Annotated[Path, file_option("The ONNX file to write.", "-o", "--out")],
    **options: Any,
) -> None:
    """Saves a graph that computes value, Jacobian and Hessian of a model.

    With --order 3 it also computes the third derivatives. With --mode jvp, vjp or hvp it
    multiplies them by vectors that are fed with each event, any number at a time: v_x for
    an input x, u for the responses.

    An ordinary ONNX file of standard operators: onnxruntime runs it from C++, C#,
    Java or JavaScript.

    Example:

    onnxtaylor differentiate model.onnx -o model.taylor.onnx

    onnxtaylor differentiate model.onnx -o model.hvp.onnx --mode hvp
    """
    files.writable({"-o": out}, [model], options=options)
    from onnxtaylor.problem.standins import NO_DATA
    from onnxtaylor.run.differentiate import differentiate as compile_model

    derivatives = compile_model(model, provider="cpu", **options)
    derivatives.save(out)
    graph = derivatives.proto.graph
    for line in derivatives.warnings:
        console.note(f"warning: {console.library_text(line, limit=600)}")
    tensors = f"{_shown(graph.input)} -> {_shown(graph.output)}"
    console.note(f"saved {console.printable(out)}: {tensors}")
    if remark := _pieces(derivatives.kinks, graph.output):
        console.note(f"note: {remark}")
    if derivatives.note != NO_DATA:  # that there are none is no news here
        console.note(f"note: {as_flags(derivatives.note)}")


def _pieces(kinks: Mapping[str, int], outputs: Iterable[Any]) -> str:
    """Says of which function second derivatives are where a graph has kinks, else nothing."""
    names = {port.name for port in outputs}
    what = "the Hessian is that"
    if "third" in names:
        what = "Hessian and third derivatives are those"
    elif not any(name == "hessian" or name.startswith(("hvp_", "fwd_adj_")) for name in names):
        return ""
    which = ", ".join(f"{console.printable(kind)} ×{count}" for kind, count in kinks.items())
    return which and (
        f"kinks of {which}: {what} of the pieces between them, 0 where these are linear;"
        " `onnxtaylor analyze` averages over kinks that matter"
    )


def _shown(ports: Iterable[Any]) -> str:
    """Writes names and shapes of inputs or outputs of a graph."""
    return ", ".join(
        f"{console.printable(port.name)} ["
        + ", ".join(
            console.printable(d.dim_param or d.dim_value) if d.WhichOneof("value") else "N"
            for d in dims
        )
        + "]"
        for port in ports
        for dims in [port.type.tensor_type.shape.dim]
    )
