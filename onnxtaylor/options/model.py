"""Options about the model: which of its inputs are features, which responses are analyzed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxtaylor.options.declare import check_options, option

if TYPE_CHECKING:  # the command line's help need not wait for NumPy
    import numpy.typing as npt

    from onnxtaylor.inputs.specification import Specification

__all__ = ["LINKS", "DerivativeOptions", "ModelOptions"]

LINKS = ("identity", "logit", "log")
MODES = ("full", "jvp", "vjp", "hvp")
NAMES = ("onnxtaylor", "casadi")


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Choices of inputs and responses of a model.

    ``input`` and ``output`` take one name or several. The link g is applied to each response p:
    g(p) = p, log(p/(1−p)) or log p. Raises OptionError for an unknown link.
    """

    input: str | Sequence[str] | None = option(
        None, "Input of the model that holds features", metavar="NAME"
    )
    context: str | Sequence[str] | None = option(
        None,
        "Input of the model that is fed event by event, but not differentiated. Default: inputs of"
        " whole numbers, truth values or text for which the data have columns of their name",
        metavar="NAME",
    )
    mask: Mapping[str, str | Sequence[str]] | None = option(
        None,
        "Input of the model that says which slots of an input of features are filled: it is fed,"
        " but not differentiated, and padded slots are left out",
        metavar="MASK=INPUT",
    )
    fix: Mapping[str, npt.ArrayLike] | None = option(
        None,
        "Value at which a further input of the model is held: a number, a text, true or false",
        metavar="NAME=VALUE",
    )
    inputs: str | os.PathLike[str] | Specification | None = option(
        None,
        "Specification of the model's inputs: roles, axes, columns, lengths, transforms; a file"
        " inputs.toml, preprocess.json of weaver, or a network of lwtnn (JSON)",
        metavar="FILE",
    )
    no_batch: bool = option(
        False,
        "The inputs of the model hold one event, without a batch axis; a first axis of size 1 may"
        " stand for one",
    )
    output: str | Sequence[str] | None = option(
        None,
        "Output, inner tensor or response node to analyze. Default: the first output that holds"
        " floating-point numbers",
        metavar="NAME",
    )
    output_names: Iterable[object] | None = option(
        None,
        "Names of the response nodes in tables and figures, in the order of the model",
        metavar="NAMES",
    )
    classes: Iterable[object] | None = option(
        None,
        "Labels in the data of the classes that the response nodes are the scores of, in the order"
        " of the model; they name the responses, too",
        metavar="LABELS",
    )
    link: str = option(
        "identity",
        "Function of each response that is expanded: identity, logit or log",
        choices=LINKS,
        metavar="NAME",
    )

    def __post_init__(self) -> None:
        check_options(self)
        for name in ("output_names", "classes"):  # options are read more than once
            values = getattr(self, name)
            if values is not None and not isinstance(values, str):
                object.__setattr__(self, name, tuple(values))


@dataclass(frozen=True, kw_only=True)
class DerivativeOptions:
    """Choices for a derivative graph, which is made without data."""

    n_features: int | None = option(
        None, "Number of features of a model that takes any number", minimum=1, metavar="N"
    )
    mode: str = option(
        "full",
        "Derivatives to compute: full, the Jacobian J and the Hessians H; jvp, J v; vjp, Jᵀ u; hvp,"
        " Σ_c u_c H_c v, with vectors u and v that are fed with each event",
        choices=MODES,
        metavar="MODE",
    )
    names: str = option(
        "onnxtaylor",
        "Names and layout of the vectors in the file: onnxtaylor or casadi, which CasADi finds"
        " beside the model",
        choices=NAMES,
        metavar="NAMES",
    )

    def __post_init__(self) -> None:
        check_options(self)
