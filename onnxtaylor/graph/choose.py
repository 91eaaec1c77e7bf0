"""Choice of a model's inputs and outputs: features, context, inputs held at a value, responses.

By default the first output of floating-point numbers holds the responses; for inputs see
``onnxtaylor.graph.choose_inputs``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from onnxtaylor.errors import ModelError, OptionError, name_hint, printable
from onnxtaylor.graph.choose_inputs import Request, choose_roles
from onnxtaylor.graph.choose_values import choose_values
from onnxtaylor.graph.held import Value
from onnxtaylor.graph.layout import feature_count, with_sizes
from onnxtaylor.graph.load import LoadedModel
from onnxtaylor.graph.ports import (
    FLOATS,
    Port,
    input_ports,
    output_ports,
    without_batch,
    zipmap_tensors,
)
from onnxtaylor.graph.prune import needed_inputs, tensor_names
from onnxtaylor.graph.specified import (
    read_inputs,
    specified_ports,
    specified_request,
    specified_sizes,
)
from onnxtaylor.inputs import Specification
from onnxtaylor.options.model import ModelOptions

__all__ = ["Choice", "InputData", "choose"]


@dataclass(frozen=True)
class InputData:
    """Facts that the data tell about the inputs of the model.

    ``present`` are the inputs for which there are columns or arrays of their name, ``sizes`` the
    sizes after the batch axis of inputs whose data have them. ``columns`` names the columns of
    context, ``texts`` has the texts behind the codes of each of them, none for numbers, and
    ``lengths`` names the columns with the number of filled slots of inputs whose tensor is as long
    as that, ``fillings`` those of inputs that are padded to one size.
    """

    present: Collection[str] = ()
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    texts: tuple[tuple[str, ...], ...] = ()
    lengths: Mapping[str, str] = field(default_factory=dict)
    fillings: Mapping[str, str] = field(default_factory=dict)

    @property
    def unfed(self) -> int:
        """Number of columns, the last ones, that the model does not take."""
        return len(self.lengths) + len(self.fillings)


@dataclass(frozen=True)
class Choice:
    """The resolved options.

    ``features`` are the inputs that hold the features, in the order of the data's columns,
    ``context`` those that are fed event by event, too, but not differentiated, ``masks`` those of
    them that say which slots of inputs of features are filled, by name. ``data`` is what the
    data say about them. ``held`` are further
    inputs with the values that they are held at, ``outputs`` the tensors to evaluate.
    ``picks`` are the requested names, in order: tensors, and names such as a class or ``p[2]``,
    whose responses are known only once the model has responded. ``others`` are outputs of
    floating-point numbers that were not chosen. ``specification`` is that of the inputs, if one is
    given.
    """

    features: tuple[Port, ...]
    context: tuple[Port, ...]
    masks: Mapping[str, tuple[str, ...]]
    data: InputData
    held: tuple[tuple[Port, Value], ...]
    outputs: tuple[str, ...]
    picks: tuple[str, ...]
    others: tuple[str, ...]
    specification: Specification | None = None

    @property
    def holds_one_event(self) -> bool:
        """Whether an input has no batch axis, so that a call is one event."""
        return any(port.batch_axis is None for port in (*self.features, *self.context))

    @property
    def is_double(self) -> bool:
        """Whether events are fed as doubles: all features are float64 or whole numbers."""
        return all(p.is_whole or FLOATS[p.type] == "float64" for p in self.features)

    @property
    def n_features(self) -> int | None:
        """Number of features; None where a size is free and only the data have it."""
        return self._count(self.features)

    @property
    def n_columns(self) -> int | None:
        """Number of columns of the fed row, context included; None as ``n_features``."""
        return self._count((*self.features, *self.context))

    @staticmethod
    def _count(ports: Sequence[Port]) -> int | None:
        sizes = [feature_count(p) for p in ports]
        return None if None in sizes else sum(s for s in sizes if s is not None)


def choose(
    model: LoadedModel,
    options: ModelOptions | None = None,
    *,
    derivatives: bool = True,
    data: InputData | None = None,
) -> Choice:
    """Resolves the options of a model against its graph.

    Without ``derivatives``, for responses to finite steps, features and responses may be whole
    numbers. ``data`` is what the data say about the inputs. Raises ModelError where the model has
    nothing to offer, OptionError where an option names what does not exist or an input is left
    without a value.
    """
    options, data = options or ModelOptions(), data or InputData()
    request = Request(
        inputs=_names(options.input),
        outputs=_names(options.output),
        context=_names(options.context),
        masks={name: _names(owners) for name, owners in (options.mask or {}).items()},
        fix=dict(options.fix or {}),
        by_steps=not derivatives,
    )
    graph, ports = model.proto.graph, input_ports(model.proto.graph)
    outputs, picks, others = _choose_outputs(model, request)
    if options.no_batch:
        ports = list(map(without_batch, ports))
    specification = read_inputs(model, options)
    if specification is not None:
        request = specified_request(specification, request)
        ports = specified_ports(specification, ports)
    roles = choose_roles(model, ports, needed_inputs(graph, outputs), request, data.present)

    def sized(port: Port) -> Port:
        sizes = data.sizes.get(port.name)
        if sizes is None and specification is not None:
            sizes = specified_sizes(specification, port)
        return with_sizes(port, printable(model.path), sizes)

    return Choice(
        features=tuple(map(sized, roles.features)),
        context=tuple(map(sized, roles.context)),
        data=data,
        masks=request.masks,
        held=tuple(choose_values(model, roles, request)),
        outputs=tuple(outputs),
        picks=tuple(picks),
        others=tuple(others),
        specification=specification,
    )


def _choose_outputs(model: LoadedModel, request: Request) -> tuple[list[str], list[str], list[str]]:
    """Tensors to evaluate, names to pick from their responses, and outputs that are not chosen."""
    graph, wanted, by_steps = model.proto.graph, request.outputs, request.by_steps
    ports = {p.name: p for p in output_ports(graph)}
    floats = [p.name for p in ports.values() if p.is_float]
    if by_steps and not floats:
        floats = [p.name for p in ports.values() if p.is_whole]
    if not wanted:
        if not floats:
            what = ", ".join(f"{printable(p.name)} ({p.type_name})" for p in ports.values())
            raise ModelError(
                f"the model has no output of floating-point numbers, only {what}: a response must"
                " be a number; name an inner tensor with output=…"
            ).located(model.path)
        return floats[:1], floats[:1], floats[1:]
    inner = tensor_names(graph)
    maps = zipmap_tensors(graph)
    # a ZipMap's sequence of maps, or one of its entries, stands for the tensor that it reads
    named = (name.partition("[") if name not in inner else (name, "", "") for name in wanted)
    picks = list(dict.fromkeys(maps.get(owner, owner) + "".join(rest) for owner, *rest in named))
    tensors = []
    for name in picks:
        port = ports.get(name)
        if port and not port.is_float and not (port.is_whole and by_steps):
            raise OptionError(
                f"'{printable(name)}' holds {ports[name].type_name}, which has no derivative"
                + (f": choose {', '.join(map(printable, floats))}" if floats else ""),
                option="output",
            ).located(model.path)
        # a single node belongs to the tensor that it names, as in p[2], or to the first output
        owner = name.rsplit("[", 1)[0]
        tensors += [name] if name in ports or name in inner else [owner]
    known = [t for t in tensors if t in ports or t in inner]
    if len(known) < len(tensors):
        known += [f for f in floats[:1] if f not in known]
    if not known:
        raise OptionError(
            f"'{printable(wanted[0])}' is not an output or inner tensor of the model"
            + name_hint(wanted[0], sorted(inner)),
            option="output",
        ).located(model.path)
    outputs = list(dict.fromkeys(known))
    return outputs, picks, [f for f in floats if f not in outputs]


def _names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)
