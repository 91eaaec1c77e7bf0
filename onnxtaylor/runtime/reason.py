"""onnxruntime's messages in one line, fit for a user."""

from __future__ import annotations

import re
from collections.abc import Sequence

from onnxtaylor.errors import printable

__all__ = ["reason"]

# the three messages about an operator that onnxruntime does not have
UNKNOWN_OPERATOR = (
    r"Fatal error: (?P<domain>\S*):(?P<kind>\S+?)\(-?\d+\) is not a registered function/op",
    r'\("[^"]*", (?P<kind>[^,]+), "(?P<domain>[^"]*)", -?\d+\).*No opset import for domain',
    r'\("[^"]*", (?P<kind>[^,]+), "(?P<domain>[^"]*)", -?\d+\).*No Op registered for \S+ with'
    r" domain_version of (?P<version>\d+)",
)
# the operator exists, but not for the number format of its inputs
UNKNOWN_KERNEL = (
    r"Could not find an implementation for (?P<kind>[^ (]+)\(\d+\) node with name '(.*)'"
)


def reason(error: BaseException) -> str:
    """Returns onnxruntime's message in one line, without paths of its sources.

    Operators that onnxruntime lacks, at all or in the model's format, are named with advice.
    """
    # names in a damaged file are not UTF-8, and onnxruntime's own message about them is not either
    if isinstance(error, UnicodeDecodeError):
        return "the model file is damaged: copy or export it again"
    text = " ".join(str(error).split())
    # "[ONNXRuntimeError] : 1 : FAIL : what happened": only the last part is of use
    parts: Sequence[str] = text.split(" : ")
    if text.startswith("[ONNXRuntimeError]") and len(parts) > 3:
        text = " : ".join(parts[3:])
    text = re.sub(r"/\S+\.(?:cc|h|cu):\d+ [^(]*\([^)]*\)(?: const)?,? ", "", text)
    for pattern in UNKNOWN_OPERATOR:
        if match := re.search(pattern, text):
            names = match.groupdict()
            domain = names.get("domain") or "ai.onnx"
            version = f" {names['version']}" if "version" in names else ""
            return (
                f"it has no operator '{printable(names['kind'])}' in domain"
                f" '{printable(domain)}'{version}, and libraries of custom operators are not"
                " loaded: export the model with standard operators"
            )
    if match := re.search(UNKNOWN_KERNEL, text):
        return (
            f"it does not compute '{printable(match[1])}' (node '{printable(match[2])}') in the"
            " number format of this model: export the model in float32"
        )
    return printable(text, limit=300)
