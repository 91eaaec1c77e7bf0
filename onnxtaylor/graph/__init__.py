"""A model in: from an ONNX file to one function f: (events, n features) → (events, C responses).

``load``      the file, its hash
``external``  tensors in other files, inside the model's folder
``dense``     sparse constants
``ports``     inputs, outputs, ZipMaps and names that the file carries
``choose``    which inputs are features, which are held, which outputs are responses
``layout``    which columns of a row of features go where
``held``      inputs held at a value
``function``  the graph rewritten to one input of features and one output of responses
``narrow``    the function cut to some of its responses
``link``      log or logit of the responses
``ancient``   operator sets before 7 in the words of 7
``rename``    names of the model that give way to those that are added
``builder``   nodes and constants added to a graph
``faults``    what the tools of ONNX raise
``prune``     what a response needs of the graph
``walk``      all graphs and nodes of a model, nested ones included
``normalize`` the passes that bring a graph into the form that rules are written for
``batch``     a fixed batch dimension made free
``formats``   the number formats that a graph names, and the graph in others
``arriving``  the formats in which the entries of an input arrive
``dynamic``   quantization by the range of a whole batch
``widen``     the graph without half precision
``promote``   the graph in double precision
``reach``     whether the response is a step function of the features
"""

from onnxtaylor.graph.batch import free_batch
from onnxtaylor.graph.choose import Choice, choose
from onnxtaylor.graph.function import GraphFunction, build_function
from onnxtaylor.graph.load import LoadedModel, read_model
from onnxtaylor.graph.ports import Port, input_ports, output_ports, stored_names
from onnxtaylor.graph.reach import Reach, reach

__all__ = [
    "Choice",
    "GraphFunction",
    "LoadedModel",
    "Port",
    "Reach",
    "build_function",
    "choose",
    "free_batch",
    "input_ports",
    "output_ports",
    "reach",
    "read_model",
    "stored_names",
]
