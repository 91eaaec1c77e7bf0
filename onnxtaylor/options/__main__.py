"""``python -m onnxtaylor.options`` writes the keywords of the public functions anew."""

from __future__ import annotations

from pathlib import Path

from onnxtaylor.options.source import keywords_source

if __name__ == "__main__":
    Path(__file__).with_name("keywords.py").write_text(keywords_source(), encoding="utf-8")
