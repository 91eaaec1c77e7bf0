"""An audit with every status, whose every name tries to be something else."""

from __future__ import annotations

from dataclasses import replace

from onnxtaylor.audit import AuditOutcome, File, Location, Subject
from onnxtaylor.results.summaries import Notice
from tests.audit.test_audit_outcome import check, finding, outcome

# a name, and how it is to be read; by hand, not by the code that is tested
NAMES = {
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "</title></style></script><b>": "</title></style></script><b>",
    "<!-- x": "<!-- x",
    "](x)": "](x)",
    "[click](javascript:alert(1))": "[click](javascript:alert(1))",
    "![p](https://example.com/p.png)": "![p](https://example.com/p.png)",
    "\"&'": "\"&'",
    "&lt;b&gt;": "&lt;b&gt;",
    "a|b||c": "a|b||c",
    "`code` ``x": "`code` ``x",
    "**bold** _it_ ~~s~~ $x$": "**bold** _it_ ~~s~~ $x$",
    "line\nend\r\ttab": "line\\nend\\r\\ttab",
    "\n\n# head": "\\n\\n# head",
    "\x1b[31mred\x1b[0m": "\\x1b[31mred\\x1b[0m",
    "nul\x00 \x0b \ufffe \x85 \u2028": "nul\\x00 \\x0b \\ufffe \\x85 \\u2028",
    "lone\udc80": "lone\\udc80",
    "right\u202eleft": "right\\u202eleft",
    "שלום": "שלום",
    "smile 😀": "smile 😀",
    "]]><x/>": "]]><x/>",
    "%0A::error::owned": "%0A::error::owned",
    "\n::set-output name=a::b": "\\n::set-output name=a::b",
    "##[error]owned ##vso[task.x]": "##[error]owned ##vso[task.x]",
    "a,title=b:c=d": "a,title=b:c=d",
    "@everyone": "@everyone",
    "me@example.com": "me@example.com",
    "#12 !34 :tada: www.example.com": "#12 !34 :tada: www.example.com",
    "{0} {{7*7}} {% raw %}": "{0} {{7*7}} {% raw %}",
    "back\\slash\\](x)": "back\\slash\\](x)",
}
TAME = {f"name {k}": f"name {k}" for k in range(len(NAMES))}


def made(names: dict[str, str] = NAMES) -> AuditOutcome:
    """Findings of a check that fails, one for each name; the others hold all names at once.

    Raw names stand where the audit has them raw; prose holds them as they are to be read.
    """
    rows = [
        finding(
            "error",
            subject=Subject("coefficient", f"{raw}, b", (raw, "b"), raw, raw),
            location=Location("model", f"models/{raw}"),
            message=f"feature '{seen}' leads",
            quantity=f"share of {seen}",
            measured=seen,
            limit=seen,
            certainty=f"± {seen}",
            remedy=f"drop {seen}",
        )
        for raw, seen in names.items()
    ]
    warned = [replace(row, level="warning") for row in rows[:2]]
    noted = [replace(row, level="note") for row in rows[2:3]]
    raws, seens = list(names), list(names.values())
    base = outcome(
        check(
            "dominance", "fail", findings=rows, title=seens[0], options=dict.fromkeys(raws, raws)
        ),
        *(check(raw, "error", reason=f"no {seen}", title=seen) for raw, seen in names.items()),
        check("mild", "fail", "warning", [*warned, *noted]),
        check("mild-error", "error", "warning"),
        check("noted", "pass", findings=noted, summary=seens[1], noun=seens[2]),
        check("harmless", "fail", "note", noted),
        check("out", "skipped", reason=f"no {seens[3]}"),
        check("well", "pass"),
    )
    return replace(
        base,
        model=File(f"models/{raws[0]}", "0" * 64),
        data=tuple(File(f"/data/{raw}", None) for raw in raws),
        policy=raws[1],
        reference=File(f"models/{raws[2]}", "1" * 64),
        analysis={"engine": raws[0], "precision": raws[1], "events": 12, "n_eff": 1.5},
        warnings=tuple(Notice(raw, raw, f"feature {raw} is odd") for raw in raws),
    )
