"""Inputs of a model, without a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FakePort:
    name: str
    shape: tuple[int | str | None, ...] | None
    type_name: str = "float32"

    @property
    def is_float(self) -> bool:
        return "float" in self.type_name

    @property
    def is_whole(self) -> bool:
        return "int" in self.type_name
