"""Specifications of a model's inputs: roles, axes, columns, lengths, padding, transforms.

==================  ===============================================================================
``specification``   ``Specification``: all inputs, responses, data; names of features, and columns
``model_input``     one input: its role, axes, variables, and how sets are padded
``transform``       center, scale, clip, replacement of what is not finite
``read``            reads a specification: recognizes the kind of a file, or metadata of a model
``document``        ``inputs.toml``, validated by its published schema; ``toml``: its text
``weaver``          makes one of weaver's ``preprocess.json``
``lwtnn``           makes one of the JSON files of lwtnn
``gnn_config``      makes one of the metadata that ATLAS' exporter writes
``feature_names``   makes one of the names that scikit-learn keeps in ``feature_names_in_``
``draft``           guesses one from the model's inputs, for a user to complete
``match``           holds a specification against the model's inputs
``expanded``        transforms that are part of the function
``needed``          columns that are taken, and sizes of sets
``arrays``          columns of data → tensors of the model; ``jagged``: lists of different lengths
``loading``         what the data have of each input; ``columns``, ``nested``: its forms
``port``            an input of the model; ``json_node``: foreign JSON, value by value
==================  ===============================================================================

Roles: ``features`` are fed event by event and differentiated; ``context`` is fed and not
differentiated; a ``mask`` is context that tells which slots of features inputs are filled; what is
``fixed`` is held at a value. Axes: ``batch`` counts events, ``variable`` variables, ``slot`` the
objects of a set (tracks, constituents, time steps), in any order, one or none of each.
"""

from __future__ import annotations

from onnxtaylor.inputs.arrays import Tensors, tensors
from onnxtaylor.inputs.draft import draft
from onnxtaylor.inputs.match import match_inputs
from onnxtaylor.inputs.model_input import InputSpecification, Variable
from onnxtaylor.inputs.read import from_metadata, read_specification
from onnxtaylor.inputs.specification import DataSpecification, Specification
from onnxtaylor.inputs.transform import Transform

__all__ = [
    "DataSpecification",
    "InputSpecification",
    "Specification",
    "Tensors",
    "Transform",
    "Variable",
    "draft",
    "from_metadata",
    "match_inputs",
    "read_specification",
    "tensors",
]
