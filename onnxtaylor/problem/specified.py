"""Options that follow from a specification of inputs: what it says of data and responses."""

from __future__ import annotations

from dataclasses import replace

from onnxtaylor.data import file_names, takes_tree
from onnxtaylor.data.frames import column_names
from onnxtaylor.graph import LoadedModel
from onnxtaylor.graph.specified import read_inputs
from onnxtaylor.options import DataOptions, ModelOptions
from onnxtaylor.problem.events import Events

__all__ = ["settle_options"]


def settle_options(
    model: LoadedModel, x: Events, of_model: ModelOptions, of_data: DataOptions
) -> tuple[ModelOptions, DataOptions]:
    """Completes options by the specification that they name, which is read once.

    Columns of weights and labels are taken from it where the data have columns, the tree where they
    are in files that have trees, and classes in the order of the responses; what an option says
    goes first. Raises as ``read_inputs`` does.
    """
    specification = read_inputs(model, of_model)
    if specification is None:
        return of_model, of_data
    of_model, told = replace(of_model, inputs=specification), specification.data
    if told.classes and of_model.classes is None:
        of_model = replace(of_model, classes=told.classes)
    paths = None if hasattr(x, "batches") else file_names(x)
    if told.tree is not None and of_data.tree is None and paths is not None and takes_tree(paths):
        of_data = replace(of_data, tree=told.tree)
    if hasattr(x, "batches") or (paths is None and column_names(x) is None):
        return of_model, of_data
    if told.weight is not None and of_data.weights is None:
        of_data = replace(of_data, weights=told.weight)
    if told.label is not None and of_data.labels is None and of_data.files_by_class is None:
        of_data = replace(of_data, labels=told.label)
    return of_model, of_data
