"""Reads data as batches of (x, weights, labels, numbers) from arrays, data frames and files.

==============================  ===================================================================
``source``                      the interface of all data: ``Batch``, ``EventSource``
``arrays``, ``frames``          arrays and data frames in memory: ``in_memory``
``memory``, ``keyed``           dictionaries of arrays and frames as tables
``table``                       files, by the ending of their name: ``open_source``
``request``                     what is asked for, before the data are known: ``ColumnRequest``
``columns``                     which columns are features, label, weight, context
``inputs``, ``fitting``         what feeds the model's inputs, found by name; their sizes
``rows``                        rows of features and context, of columns and of whole arrays
``specified``, ``specify``      rows by a specification of inputs; ``spec_columns``: their columns
``context``, ``jagged``         cells of context, exact or coded; lists of varying length
``formats``                     the interface of a file format: ``Table``, ``Piece``
``header``, ``csv``             text tables, streamed
``parquet``, ``ipc``, ``npy``   the other file formats, besides ``npz``
``lists``                       columns of lists, element by element
``arrow``, ``numbers``          columns of pyarrow and of NumPy to numbers and class names
``values``                      missing values, class names, and checks of cells
``rechunk``                     pieces of any size to batches of one size
``selection``                   the first events, or a random sample
``survey``                      one pass that checks all cells and sums: ``spread``, ``moments``
``traits``                      which features are whole numbers or one-hot, and a sample of events
==============================  ===================================================================
"""

from __future__ import annotations

from onnxtaylor.data.arrays import ArraySource
from onnxtaylor.data.frames import column_names, in_memory
from onnxtaylor.data.inputs import find_present
from onnxtaylor.data.request import ColumnRequest, ContextColumn, InputRequest, Requested
from onnxtaylor.data.selection import first_events, sample_events
from onnxtaylor.data.source import Batch, EventSource
from onnxtaylor.data.specified import FedInput
from onnxtaylor.data.specify import list_columns, open_specified
from onnxtaylor.data.survey import ClassSums, Survey, SurveyAccumulator, survey
from onnxtaylor.data.table import FileSource, file_names, open_source
from onnxtaylor.data.values import is_missing

__all__ = [
    "ArraySource",
    "Batch",
    "ClassSums",
    "ColumnRequest",
    "ContextColumn",
    "EventSource",
    "FedInput",
    "FileSource",
    "InputRequest",
    "Requested",
    "Survey",
    "SurveyAccumulator",
    "column_names",
    "file_names",
    "find_present",
    "first_events",
    "in_memory",
    "is_missing",
    "list_columns",
    "open_source",
    "open_specified",
    "sample_events",
    "survey",
]
