"""Lists of names on the command line."""

from __future__ import annotations

from pathlib import Path

from onnxtaylor.errors import OptionError, printable

__all__ = ["parse_names"]


def parse_names(option: str, text: str | None) -> list[str] | None:
    """``a,b,c``, or ``@FILE`` with one name a line, to the letter. Raises OptionError."""
    if text is None:
        return None
    where = f"{option} {printable(text)}"
    if text.startswith("@"):
        try:
            content = Path(text[1:]).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise OptionError(f"{where}: is not UTF-8 text") from None
        except OSError as error:
            raise OptionError(f"{where}: {printable(error.strerror or error)}") from None
        names = [line for line in content.split("\n") if line.strip()]
    else:
        names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise OptionError(f"{where}: no name in it")
    return names
