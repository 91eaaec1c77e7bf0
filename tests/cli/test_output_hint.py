"""``--output`` names a response: who meant the file of the result is told so."""

from __future__ import annotations


def test_a_file_that_is_taken_for_a_response(refused):
    call = ("analyze", "model.onnx", "events.csv", "--label", "Label", "--weight", "w")
    line = refused(*call, "--output", "result.json")
    assert "is called 'result.json'" in line
    assert line.endswith("; to save the result in a file, use -o")
    assert "use -o" not in refused(*call, "--output", "sigmoid")
