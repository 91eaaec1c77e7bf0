"""Hooks of mkdocs: the order of the pages, the front page from README, and the reference."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

import onnxtaylor
from onnxtaylor.guide import PAGES, title

ROOT = Path(__file__).parents[1]
FIGURE = re.compile(r"!\[([^\]]*)\]\((validation/[^)]+)\)")
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)([^)#]+)\)")


def on_config(config: Any) -> Any:
    """Sets the pages' order, which is that of the package."""
    guide = [{title(name): f"{name}.md"} for name in PAGES]
    config.nav = [{"onnxtaylor": "index.md"}, {"Guide": guide}, {"Reference": "reference.md"}]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds the front page with its figures, and the reference."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in {target for _, target in FIGURE.findall(readme)}:
        made = File.generated(config, f"front/{Path(path).name}", abs_src_path=str(ROOT / path))
        files.append(made)
    files.append(File.generated(config, "index.md", content=front(readme)))
    files.append(File.generated(config, "reference.md", content=reference()))
    return files


def front(readme: str) -> str:
    """Returns README with links to pages of the site; other files are only named."""
    text = FIGURE.sub(lambda m: f"![{m[1]}](front/{Path(m[2]).name})", readme)

    def linked(found: re.Match[str]) -> str:
        label, target = found[1], found[2]
        if target.startswith("onnxtaylor/guide/"):
            return f"[{label}]({target.removeprefix('onnxtaylor/guide/')})"
        return found[0] if target.startswith("front/") else f"{label} (`{target}`)"

    return re.sub(r"^<!-- \w+ -->\n", "", LINK.sub(linked, text), flags=re.MULTILINE)


def reference() -> str:
    """Returns the page of all public names, from their docstrings."""
    parts = ["# Reference", "All public names of `onnxtaylor`; `import onnxtaylor as ot`."]
    for name in sorted(onnxtaylor.__all__, key=str.lower):
        if name.startswith("_"):
            continue
        parts.append(f"::: {home(name)}")
    parts.append("::: onnxtaylor.integrations.mlflow.log")
    return "\n\n".join(parts) + "\n"


def home(name: str) -> str:
    """Returns the place of a public name where it is defined."""
    thing = getattr(onnxtaylor, name)
    if name == "audit":  # the package itself is callable
        return "onnxtaylor.audit.service.audit"
    return f"{thing.__module__}.{name}"
