"""``onnxtaylor differentiate``: saves a model's derivative graph."""

from __future__ import annotations

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
        *("n_features", "order"),
    ),
    texts={"order": "Order of the derivatives: 1, 2 with the Hessian, or 3"},
)
def differentiate(
    model: Model,
    out: Annotated[Path, file_option("The ONNX file to write.", "-o", "--out")],
    **options: Any,
) -> None:
    """Saves a graph that computes value, Jacobian and Hessian of a model.

    With --order 3 it also computes the third derivatives.

    An ordinary ONNX file of standard operators: onnxruntime runs it from C++, C#,
    Java or JavaScript.

    Example:

    onnxtaylor differentiate model.onnx -o model.taylor.onnx
    """
    files.writable({"-o": out}, [model])
    from onnxtaylor.run.differentiate import differentiate as compile_model

    derivatives = compile_model(model, provider="cpu", **options)
    derivatives.save(out)
    outputs = ", ".join(
        f"{console.printable(o.name)} ["
        + ", ".join(console.printable(d.dim_param or d.dim_value) for d in dims)
        + "]"
        for o in derivatives.proto.graph.output
        for dims in [o.type.tensor_type.shape.dim]
    )
    for line in derivatives.warnings:
        console.note(f"warning: {console.library_text(line, limit=600)}")
    console.note(f"saved {console.printable(out)}: {outputs}")
    console.note(f"note: {as_flags(derivatives.note)}")
