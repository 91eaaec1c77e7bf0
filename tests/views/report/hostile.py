"""A result whose every name tries to be something else."""

from __future__ import annotations

from dataclasses import replace

from onnxtaylor.results.taylor import Notice, TaylorResult

SCRIPT = "<script>alert(1)</script>"
NAMES = (
    SCRIPT,
    "](javascript:alert(1))",
    "\"&'",
    "line\nend\r\ttab",
    "\x1b[31mred\x1b[0m",
    "smile 😀",
    "right\u202eleft",
    "שלום",
    "",
    "<img src=x onerror=alert(1)>&amp;",
    "x" * 200,
    "</title></style><b>",
    "{{7*7}}{% raw %}",
    "__proto__",
)
# how those that would not show are shown
VISIBLE = ("line\\nend\\r\\ttab", "\\x1b[31mred\\x1b[0m", "right\\u202eleft", "(no name)")
OUTPUTS = (SCRIPT, "\u202eabc\n\x1b[5m", "](x)")
CLASSES = ("\"&'", "<b>\x1b[31m", "שלום")


def hostile(make_result) -> TaylorResult:
    result = make_result(NAMES, OUTPUTS, CLASSES)
    finding = Notice(SCRIPT, None, f"feature '{NAMES[9]}' is constant\x1b[31m")
    return replace(
        result,
        model=replace(result.model, path=f"a/<img src=x onerror=alert(1)>\u202e{SCRIPT}.onnx",
                      producer="</style></script><script>alert(1)</script>", engine="<u>"),
        data=replace(result.data, sources=("<!--<script>",)),
        options={**result.options, "link": "<i>", "no_float64": "<s>\x1b[31m", "scale": "<q>"},
        check={"verdict": "not run", "reason": "<b>x</b>\x1b"},
        warnings=(finding,) * 7,
    )  # fmt: skip
