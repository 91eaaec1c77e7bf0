"""``onnxtaylor differentiate``: saves a model's derivative graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onnxtaylor.cli import console, options

__all__ = ["differentiate"]


def differentiate(
    model: options.Model,
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", metavar="FILE", help="The ONNX file to write.", show_default=False
        ),
    ],
    order: Annotated[int, typer.Option(metavar="N", help="1, 2 with the Hessian, or 3.")] = 2,
    input: options.Input = None,
    fix: options.Fix = None,
    output: options.Output = None,
    link: options.Link = "identity",
    n_features: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Number of features of a model that takes any number.",
            min=1,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Saves a graph that computes value, Jacobian and Hessian of a model.

    With --order 3 it also computes the third derivatives.

    An ordinary ONNX file of standard operators: onnxruntime runs it from C++, C#,
    Java or JavaScript.

    Example:

    onnxtaylor differentiate model.onnx -o model.taylor.onnx
    """
    options.writable({"-o": out}, [model])
    from onnxtaylor.run.differentiate import differentiate as compile_model

    derivatives = compile_model(
        model,
        order=order,
        input=input,
        output=output,
        fix=options.parse_fixed(fix),
        link=link,
        n_features=n_features,
        provider="cpu",
    )
    derivatives.save(out)
    outputs = ", ".join(
        f"{console.printable(o.name)} ["
        + ", ".join(console.printable(d.dim_param or d.dim_value) for d in dims)
        + "]"
        for o in derivatives.proto.graph.output
        for dims in [o.type.tensor_type.shape.dim]
    )
    for line in derivatives.warnings:
        console.note(f"warning: {console.printable(line, limit=600)}")
    console.note(f"saved {console.printable(out)}: {outputs}")
    console.note(f"note: {derivatives.note}")
