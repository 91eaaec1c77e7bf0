"""Graphs: from an ONNX file to one function f: (events, n features) → (events, C responses).

Reading a file

``load``            the file and its hash
``external``        tensors in other files, inside the model's folder
``dense``           sparse constants
``ports``           inputs, outputs, ZipMaps, and names in the metadata
``onnx_errors``     exceptions of ONNX's own tools

From the file to the function

``choose``          inputs that hold features, inputs held at a value, outputs with responses
``layout``          columns of a row of features, for each input
``held``            inputs held at a value
``link``            log or logit of the responses
``function``        the graph rewritten to one input and one output
``narrow``          the function cut to some of its responses
``batch``           changes a fixed batch dimension to a free one
``lift``            gives a graph of one event a batch axis
``dependence``      responses that are smooth, step functions, or constant in the features

Changing graphs

``normalize``       passes that bring a graph into the form that rules are written for
``old_opsets``      operator sets before 7
``promote``         the graph in double precision
``half_precision``  the graph without half precision
``dynamic``         quantization by the range of a whole batch
``builder``         adds nodes and constants
``prune``           removes nodes that no response needs
``rename``          frees the names of added nodes

Looking at graphs

``walk``            all graphs and nodes, nested ones included
``moving``          operators that move entries without changing them
``formats``         number formats of a graph, and copies in other formats
``input_formats``   number formats in which an input arrives
"""

from onnxtaylor.graph.batch import free_batch
from onnxtaylor.graph.choose import Choice, choose
from onnxtaylor.graph.function import GraphFunction, build_function
from onnxtaylor.graph.load import LoadedModel, read_model
from onnxtaylor.graph.ports import Port, input_ports, output_ports, stored_names

__all__ = [
    "Choice",
    "GraphFunction",
    "LoadedModel",
    "Port",
    "build_function",
    "choose",
    "free_batch",
    "input_ports",
    "output_ports",
    "read_model",
    "stored_names",
]
