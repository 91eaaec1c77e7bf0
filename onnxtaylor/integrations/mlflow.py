"""Results and audits in a run of MLflow.

>>> import mlflow                                                  # doctest: +SKIP
>>> from onnxtaylor.integrations.mlflow import log                 # doctest: +SKIP
>>> with mlflow.start_run():                                       # doctest: +SKIP
...     log(ot.analyze("model.onnx", "events.parquet"))
"""

from __future__ import annotations

import re
import tempfile
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Any

from onnxtaylor.audit import AuditOutcome
from onnxtaylor.audit.formats import FORMATS
from onnxtaylor.errors import OptionError, ResultError
from onnxtaylor.results.ranking import best_ranked
from onnxtaylor.results.taylor import TaylorResult

__all__ = ["log", "metrics"]

FOLDER = "onnxtaylor"  # of the files, in the artifacts of the run
TAG_LENGTH = 5000  # letters; MLflow refuses longer ones
NAME_LENGTH = 200


def log(result: TaylorResult | AuditOutcome, *, top: int = 50) -> None:
    """Logs a result or the outcome of an audit into the active run of MLflow, or into a new one.

    Of a result: ``metrics``, tags with the model's SHA-256, engine and data, and the files
    ``result.json`` and ``report.html``. Of an audit: whether it passed, the number of findings,
    the verdict, the files ``audit.json`` and ``audit.html``, and its result if it has one.

    Parameters
    ----------
    result
        What ``ot.analyze`` or ``ot.audit`` returned.
    top
        Number of coefficients of each response and group that become metrics.

    Raises
    ------
    ResultError
        If mlflow is not installed.
    OptionError
        If ``top`` is below 1, or ``result`` is something else.
    """
    if top < 1:
        raise OptionError(f"must be at least 1, got {top}", option="top")
    if not isinstance(result, TaylorResult | AuditOutcome):
        kind = type(result).__name__
        raise OptionError(f"must be a TaylorResult or an AuditOutcome, got {kind}", option="result")
    try:
        mlflow: Any = import_module("mlflow")
    except ImportError:
        raise ResultError("mlflow is not installed: pip install mlflow-skinny") from None
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(result, AuditOutcome):
            _log_audit(mlflow, result, Path(folder))
        taylor = result.result if isinstance(result, AuditOutcome) else result
        if taylor is not None:
            _log_result(mlflow, taylor, Path(folder), top)
        mlflow.log_artifacts(folder, artifact_path=FOLDER)


def metrics(result: TaylorResult, top: int = 50) -> dict[str, float]:
    """Returns ⟨t⟩ of the highest ranked coefficients by the names that MLflow allows.

    The name is ``t/RESPONSE/GROUP/FEATURE`` or ``t/RESPONSE/GROUP/FEATURE x FEATURE``; letters
    that MLflow refuses are ``_``, and equal names are numbered.
    """
    found: dict[str, float] = {}
    symbol = result.quantity.symbol
    for c, output in enumerate(result.outputs):
        for g, group in enumerate(result.groups):
            for k in best_ranked(result.rank[c, g], top).tolist():
                row = result.row(c, g, k)
                parts = (output, group, " x ".join(row["features"]))
                name = "/".join([symbol, *map(_name, parts)])
                number, distinct = 1, name
                while distinct in found:
                    number += 1
                    distinct = f"{name}.{number}"
                if isfinite(row["score"]):
                    found[distinct] = row["score"]
    return found


def _log_result(mlflow: Any, result: TaylorResult, folder: Path, top: int) -> None:
    """Logs metrics and tags of a result, and writes its files into the folder."""
    mlflow.log_metrics(metrics(result, top))
    model, data = result.model, result.data
    told = {
        "model.sha256": model.sha256,
        "model.producer": model.producer,
        "engine": model.engine,
        "precision": model.precision,
        "data.sources": ", ".join(data.sources),
        "data.events": str(data.events),
        "data.n_eff": f"{data.n_eff:.6g}",
        "version": result.version,
        "check": "" if result.check is None else str(result.check.get("verdict")),
    }
    mlflow.set_tags(_tags(told))
    result.save(folder / "result.json")
    (folder / "report.html").write_text(result.to_html(), encoding="utf-8")


def _log_audit(mlflow: Any, outcome: AuditOutcome, folder: Path) -> None:
    """Logs verdict and counts of an audit, and writes its files into the folder."""
    levels = [finding.level for finding in outcome.findings]
    numbers = {f"audit/findings/{level}": levels.count(level) for level in ("error", "warning")}
    mlflow.log_metrics({"audit/passed": float(outcome.passed), **numbers})
    mlflow.set_tags(_tags({"audit": outcome.verdict, "audit.policy": outcome.policy}))
    for kind in ("json", "html"):
        (folder / f"audit.{kind}").write_text(FORMATS[kind](outcome), encoding="utf-8")


def _tags(told: dict[str, str]) -> dict[str, str]:
    """Returns tags in the name space of onnxtaylor, no longer than MLflow takes; no empty ones."""
    return {f"onnxtaylor.{key}": text[:TAG_LENGTH] for key, text in told.items() if text}


def _name(text: str) -> str:
    """Returns a part of a metric's name in the letters that MLflow allows."""
    return re.sub(r"[^\w.\- ]", "_", text)[:NAME_LENGTH].strip() or "_"
