"""A function from a graph in one call."""

from onnxtaylor.graph import ModelRequest, build_function, choose, read_model


def function_of(proto, n_columns=None, link="identity", **request):
    loaded = read_model(proto)
    return build_function(
        loaded, choose(loaded, ModelRequest(**request)), n_columns=n_columns, link=link
    )
