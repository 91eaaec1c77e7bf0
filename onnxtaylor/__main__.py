"""``python -m onnxtaylor``."""

from onnxtaylor.cli import command

command()
