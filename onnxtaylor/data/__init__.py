"""Reads data as batches of (x, weights, labels, numbers) from arrays, data frames and files.

==============================  ===================================================================
``source``                      the interface of all data: ``Batch``, ``EventSource``
``arrays``, ``frames``          arrays and data frames in memory: ``in_memory``
``memory``, ``keyed``           dictionaries of arrays and frames as tables
``open_tables``                 files, by the ending of their name; ``remote``: at an address
``table``                       several files as one stream of events: ``open_source``
``by_class``                    files of one class each: ``class_files``
``request``                     what is asked for, before the data are known: ``ColumnRequest``
``columns``                     which columns are features, label, weight, context
``inputs``, ``fitting``         what feeds the model's inputs, found by name; their sizes
``rows``                        rows of features and context, of columns and of whole arrays
``specified``, ``specify``      rows by a specification of inputs; ``spec_columns``: their columns
``context``, ``jagged``         cells of context, exact or coded; lists of varying length
``beside``, ``evaluation``      columns beside the rows: products of weights, selections, folds
``formats``                     the interface of a file format: ``Table``, ``Piece``
``header``, ``csv``             text tables, streamed
``parquet``, ``ipc``, ``npy``   other file formats, besides ``npz``
``root``, ``root_tree``         trees of ROOT files and their friends
``hdf5``, ``stored``            data sets of HDF5 files, read slice by slice
``heaps``                       texts of HDF5 files, which a damaged file would make endless
``records``                     arrays of awkward as columns
``partitions``                  collections of Dask, partition by partition
``lists``                       columns of lists, element by element
``arrow``, ``numbers``          columns of pyarrow and of NumPy to numbers and class names
``values``                      missing values, class names, and checks of cells
``rechunk``                     pieces of any size to batches of one size
``ahead``                       the next batch is read while one is used
``skipping``                    files with a fault, left out where that is asked for
``watched``                     a file that changes while it is read is refused
``selection``, ``ranges``       the first events, a sample, those of an expression; of some numbers
``survey``                      one pass that checks all cells and sums: ``spread``, ``moments``
``block_sums``                  sums of the survey over a block of events
``traits``                      which features are whole numbers or one-hot, and a sample of events
==============================  ===================================================================
"""

from __future__ import annotations

from onnxtaylor.data.arrays import ArraySource
from onnxtaylor.data.by_class import are_class_files, class_files
from onnxtaylor.data.frames import column_names, in_memory
from onnxtaylor.data.inputs import find_present
from onnxtaylor.data.open_tables import absolute_names, each_file, takes_tree
from onnxtaylor.data.partitions import as_partitions
from onnxtaylor.data.ranges import EventRange, count_numbers
from onnxtaylor.data.request import (
    Beside,
    ColumnRequest,
    ContextColumn,
    InputRequest,
    Requested,
    TreeRequest,
)
from onnxtaylor.data.selection import ChosenEvents, first_events, sample_events
from onnxtaylor.data.skipping import sound_files
from onnxtaylor.data.source import Batch, EventSource
from onnxtaylor.data.specified import FedInput
from onnxtaylor.data.specify import list_columns, open_specified
from onnxtaylor.data.survey import ClassSums, Survey, SurveyAccumulator, survey
from onnxtaylor.data.table import FileSource, file_names, open_source
from onnxtaylor.data.values import is_missing

__all__ = [
    "ArraySource",
    "Batch",
    "Beside",
    "ChosenEvents",
    "ClassSums",
    "ColumnRequest",
    "ContextColumn",
    "EventRange",
    "EventSource",
    "FedInput",
    "FileSource",
    "InputRequest",
    "Requested",
    "Survey",
    "SurveyAccumulator",
    "TreeRequest",
    "absolute_names",
    "are_class_files",
    "as_partitions",
    "class_files",
    "column_names",
    "count_numbers",
    "each_file",
    "file_names",
    "find_present",
    "first_events",
    "in_memory",
    "is_missing",
    "list_columns",
    "open_source",
    "open_specified",
    "sample_events",
    "sound_files",
    "survey",
    "takes_tree",
]
