"""What a page holds, read by Python's own parser: tags, text, scripts, names of others; cells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any


class Page(HTMLParser):
    """Elements as (tag, attributes), the text outside of scripts and styles, and those."""

    VOID = ("meta", "link", "wbr", "br", "rect", "input", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.code: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in self.code:
            self.code[tag].append("")

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        inside = self.open[-1] if self.open else ""
        if inside in self.code:
            self.code[inside][-1] += data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def data(self):
        return json.loads(self.code["script"][0])

    @property
    def policy(self) -> dict[str, list[str]]:
        (content,) = [m["content"] for m in self.all("meta") if "http-equiv" in m]
        return {part.split()[0]: part.split()[1:] for part in re.split(r";\s*", content or "")}


def labels(rows: Iterable[dict[str, Any]]) -> list[str]:
    """What the table calls the coefficients of tidy rows."""
    return [", ".join(row["features"]) for row in rows]


def numbers(texts: Iterable[str]) -> list[float]:
    """The values of cells, without their uncertainties."""
    return [float(text.split(" ± ")[0].replace("−", "-")) for text in texts]
