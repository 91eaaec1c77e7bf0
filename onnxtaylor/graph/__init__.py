"""Graphs: from an ONNX file to one function f: (events, n features) → (events, C responses).

Reading a file

``load``            the file and its hash
``external``        tensors in other files, inside the model's folder
``dense``           sparse constants
``limits``          what is refused before anything runs a model: sizes, numbers of nodes, …
``endless``         loops that no computer finishes
``ports``           inputs, outputs, ZipMaps, and names in the metadata
``onnx_errors``     exceptions of ONNX's own tools
``node_types``      types of the outputs of nodes, by ONNX's own inference

From the file to the function

``choose``          the inputs by their roles, and the outputs with responses
``choose_inputs``   roles of inputs: features, context, masks
``choose_values``   values of inputs that are held
``specified``       roles, axes and values from a specification
``transforms``      its transforms inside the graph
``layout``          columns of a row of features, for each input
``sets``            which axes of features a mask flags
``held``            inputs held at a value
``context``         inputs that are fed event by event, but not differentiated
``link``            log or logit of the responses
``function``        the function f: one input, one output
``build``           the graph rewritten to that function
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
from onnxtaylor.graph.build import build_function
from onnxtaylor.graph.choose import Choice, InputData, choose
from onnxtaylor.graph.function import GraphFunction
from onnxtaylor.graph.load import LoadedModel, read_model
from onnxtaylor.graph.ports import Port, input_ports, output_ports, stored_names

__all__ = [
    "Choice",
    "GraphFunction",
    "InputData",
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
