"""Data in: batches of (x, weights, labels, numbers), whatever the data is stored in.

==============================  ===================================================================
``base``                        what every source is: ``Batch``, ``EventSource``
``arrays``, ``frames``          arrays and data frames in memory: ``in_memory``
``table``                       files, by their ending: ``open_source``
``columns``                     which columns are features, label, weight: ``ColumnRequest``
``header``, ``csv``             text tables, streamed
``parquet``, ``ipc``, ``npy``   the other formats; ``formats`` says what each must offer
``lists``                       columns of lists, element by element
``arrow``, ``numbers``          columns of either library to numbers and class names
``values``                      what a missing value, a class name and a bad cell are
``rechunk``                     pieces of any size to batches of one size
``selection``                   the first events, or a random sample
``survey``                      one pass that checks all and sums: ``spread``, ``moments``
``traits``                      which features are whole numbers or one-hot, and a sample of events
==============================  ===================================================================
"""

from __future__ import annotations

from onnxtaylor.data.arrays import ArraySource
from onnxtaylor.data.columns import ColumnRequest
from onnxtaylor.data.frames import in_memory, names_of
from onnxtaylor.data.selection import first_events, sampled
from onnxtaylor.data.source import Batch, EventSource
from onnxtaylor.data.survey import ClassSums, Survey, SurveyAccumulator, survey
from onnxtaylor.data.table import FileSource, file_names, open_source
from onnxtaylor.data.values import is_missing

__all__ = [
    "ArraySource",
    "Batch",
    "ClassSums",
    "ColumnRequest",
    "EventSource",
    "FileSource",
    "Survey",
    "SurveyAccumulator",
    "file_names",
    "first_events",
    "in_memory",
    "is_missing",
    "names_of",
    "open_source",
    "sampled",
    "survey",
]
