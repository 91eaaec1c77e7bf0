"""A function from a graph in one call."""

from onnxtaylor.graph import build_function, choose, read_model
from tests.graph.graphs import model_options


def function_of(proto, n_columns=None, link="identity", **request):
    loaded = read_model(proto)
    return build_function(
        loaded, choose(loaded, model_options(**request)), n_columns=n_columns, link=link
    )
