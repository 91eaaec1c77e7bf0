"""Derivatives of networks by PyTorch in float64, and comparisons of results with them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import torch


def exported(
    net,
    rows: Mapping[str, np.ndarray],
    free: Mapping[str, Mapping[int, str]],
    *,
    batch: bool = True,
) -> onnx.ModelProto:
    """The network as a model, by tracing, with these free sizes besides that of the ``batch``."""
    stream, first = io.BytesIO(), {0: "batch"} if batch else {}
    axes = {name: {**first, **free.get(name, {})} for name in [*rows, "score"]}
    torch.onnx.export(
        net,
        tuple(torch.from_numpy(value[:2]) for value in rows.values()),
        stream,
        dynamo=False,
        input_names=list(rows),
        output_names=["score"],
        dynamic_axes=axes,
        opset_version=17,
    )
    return onnx.load_from_string(stream.getvalue())


def torch_derivatives(net, rows: Mapping[str, np.ndarray], features: Sequence[str], subset):
    """Jacobian (B, C, n) and Hessian (B, C, s, s) of the features, the latter of a subset.

    Features of an event are those of the inputs, one after the other, each in C order.
    """
    net = net.double()
    jacobians, hessians = [], []
    for place in range(len(next(iter(rows.values())))):
        event = {
            k: torch.from_numpy(np.ascontiguousarray(v[place : place + 1])) for k, v in rows.items()
        }
        event = {k: v if v.dtype == torch.bool else v.double() for k, v in event.items()}
        sizes = [event[name].numel() for name in features]

        def respond(row, event=event, sizes=sizes):
            parts = dict(zip(features, torch.split(row, sizes), strict=True))
            given = {k: parts[k].reshape(v.shape) if k in parts else v for k, v in event.items()}
            return net(*given.values())[0]

        row = torch.cat([event[name].reshape(-1) for name in features])
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            jacobians.append(torch.autograd.functional.jacobian(respond, row).numpy())

            def of_subset(part, c, row=row, respond=respond):
                return respond(row.index_put((torch.tensor(subset),), part))[c]

            hessians.append(
                [
                    torch.autograd.functional.hessian(
                        lambda part, c=c: of_subset(part, c), row[subset]
                    ).numpy()
                    for c in range(len(jacobians[-1]))
                ]
            )
    return np.stack(jacobians), np.array(hessians)


def apart(found: np.ndarray, wanted: np.ndarray) -> float:
    """Distance of two arrays relative to the latter's norm."""
    assert found.shape == wanted.shape
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))
