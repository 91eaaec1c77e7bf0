"""Names of a model's response nodes, and which of them are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import ModelError, OptionError, name_hint, printable
from onnxtaylor.graph import Choice, LoadedModel, build_function, stored_names
from onnxtaylor.graph.prune import tensor_names
from onnxtaylor.options import ModelOptions
from onnxtaylor.results.classes import ResponseNode, name_nodes, names_as_text
from onnxtaylor.runtime.promotion import open_session
from onnxtaylor.runtime.session import Session

__all__ = ["Responses", "name_responses"]

OUTPUT_KEYS = ("output_names", "class_names", "classes", "labels")


@dataclass(frozen=True)
class Responses:
    """The response nodes of all outputs that are evaluated.

    ``outputs`` are these outputs, ``stored`` the names of each output's nodes that the model
    carries, ``nodes`` all nodes under the names that the user gives them.
    """

    outputs: tuple[str, ...]
    stored: tuple[tuple[str, ...], ...]
    nodes: tuple[ResponseNode, ...]

    @property
    def stored_names(self) -> list[str]:
        """Names of all nodes as the model carries them, in one list."""
        return [name for group in self.stored for name in group]

    def columns(self, choice: Choice, model: LoadedModel) -> list[int]:
        """Columns of the chosen nodes in the order of the choice: all of a tensor, or single ones.

        A node may be named by the user's name, by the model's name, or by its place. Raises
        OptionError for an unknown name.
        """
        given, count = [node.name for node in self.nodes], len(self.nodes)
        widths = [len(group) for group in self.stored]
        places = [f"{o}[{k}]" for o, w in zip(self.outputs, widths, strict=True) for k in range(w)]
        called = [*given, *self.stored_names, *places]
        starts = dict(zip(self.outputs, np.cumsum([0, *widths]).tolist(), strict=False))
        chosen: list[int] = []
        for name in choice.picks:
            if name in self.outputs:
                width = widths[self.outputs.index(name)]
                chosen += range(starts[name], starts[name] + width)
            elif name in called:
                chosen.append(called.index(name) % count)
            else:
                known = [
                    *dict.fromkeys([*given, *self.stored_names]),
                    *choice.outputs,
                    *choice.others,
                    *sorted(tensor_names(model.proto.graph)),
                ]
                raise OptionError(
                    f"{printable(model.path)}: no output, inner tensor or response node is called"
                    f" '{printable(name)}'{name_hint(name, known)}"
                )
        return list(dict.fromkeys(chosen))


def name_responses(
    model: LoadedModel,
    choice: Choice,
    session: Session,
    sample: npt.NDArray[np.float64],
    options: ModelOptions,
) -> Responses:
    """Names the response nodes of a session at events ``sample`` (B, n).

    The user's names come first, then ZipMap labels, those of the specification of inputs, the
    model's metadata, and ``tensor[k]``.
    Raises OptionError for names that do not fit the nodes.
    """
    outputs, stored = session.function.outputs, _stored(model, choice, session, sample)
    places = [
        place
        for output, group in zip(outputs, stored, strict=True)
        for place in _numbered(output, len(group))
    ]
    nodes = name_nodes(
        places,
        [name for group in stored for name in group],
        names=names_as_text(options.output_names),
        classes=names_as_text(options.classes),
    )
    return Responses(outputs, tuple(map(tuple, stored)), nodes)


def _stored(
    model: LoadedModel, choice: Choice, session: Session, sample: npt.NDArray[np.float64]
) -> list[Sequence[str]]:
    """Names of the nodes of each output that the model carries, or ``tensor[k]``."""
    function = session.function
    widths = [session(sample[:1]).shape[1]]
    if len(function.outputs) > 1:  # how wide each of them is, only a call can tell
        widths = []
        for output in function.outputs:
            one = replace(choice, outputs=(output,))
            alone = build_function(model, one, n_columns=function.n_features)
            widths.append(open_session(alone, sample)(sample[:1]).shape[1])
    if not sum(widths):
        raise ModelError(f"output {', '.join(map(printable, function.outputs))} is empty")
    metadata: Sequence[str] | None = stored_names(model.proto, OUTPUT_KEYS)
    if choice.specification is not None:
        metadata = choice.specification.outputs or metadata
    names: list[Sequence[str]] = []
    for output, labels, width in zip(function.outputs, function.labels, widths, strict=True):
        carried = labels or (metadata if len(widths) == 1 else None)
        fits = carried is not None and len(carried) == width == len(set(carried))
        names.append(list(carried) if carried and fits else _numbered(output, width))
    if len({name for group in names for name in group}) < sum(widths):
        return [_numbered(output, n) for output, n in zip(function.outputs, widths, strict=True)]
    return names


def _numbered(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}[{k}]" for k in range(count)]
