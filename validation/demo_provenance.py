"""The text of ``onnxtaylor/demo/PROVENANCE.md``: what, from where, how made, checksums.

Written by the same run as the files, so that the two cannot part.
"""

from __future__ import annotations

import hashlib
import platform
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import onnx
import pyarrow as pa

DOI = "10.7483/OPENDATA.ATLAS.ZBP2.M5T8"
SOFTWARE = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "numpy", "pyarrow")
DOC_STRING = (
    "Signal (H→ττ) against background on the 30 raw features of the ATLAS Higgs boson machine "
    f"learning challenge 2014 (CERN Open Data record 328, DOI {DOI}). Missing values are -999. "
    "Demo model of onnxtaylor, made by validation/demo_model.py; no physics result."
)

PROVENANCE = """\
# Where the demo comes from

Written by `validation/demo_model.py`, together with the two files it describes. Made by:

    python -m validation.demo_model --data FOLDER

where FOLDER holds `{source}`.

| file | bytes | sha256 |
| --- | --- | --- |
{files}

## higgs.parquet: {events} events

The last {events} events (EventId {first} to {last}) of a real, unbroken prefix of 22 889 events of
the ATLAS Higgs boson machine learning challenge 2014 data: simulated proton-proton collisions with
H→ττ decays (Label s, {signal} events) and backgrounds (Label b, {background} events).

ATLAS collaboration (2014). Dataset from the ATLAS Higgs Boson Machine Learning Challenge 2014.
CERN Open Data Portal, record 328, DOI [{doi}](https://doi.org/{doi}).
The data is, as far as we know, dedicated to the public domain (CC0); please cite the DOI.

- Columns: EventId, the 30 features (13 `DER_`, 17 `PRI_`) in the source's order and units (GeV,
  radian), Weight, Label, KaggleWeight. The source's KaggleSet (`t` for all of these) is left out.
- Values are the source's, as float64, missing ones (-999) included. Only PRI_jet_num changed its
  type, from integer to float64.
- Weights are the source's and not rescaled to this part of the events: rescale them to the full
  sums before using them as expected numbers of events.
- The same bytes come out again with the same version of pyarrow.

## higgs.onnx: a network on these features

    x → (-10 where x < -900) → (x - mean)/std → {width} tanh → {width} tanh → sigmoid

Input `features` [events, 30] in the order of the columns (the list is in the file's metadata under
`feature_names`), output `signal` [events, 1]; the logit is the inner tensor `signal/Add`.
Operators: {operators}.
ONNX opset {opset}, exported by Keras' `model.export` ({exporter}). The selection, which tf2onnx
writes as arithmetic, was put back as one Where, and tensors were given readable names.

- Trained with Keras on the {earlier} events before the demo events, a fifth of them (seed {seed})
  only for early stopping: binary cross-entropy, events weighted by KaggleWeight with either class
  normalized to the same total, Adam({rate}), batches of {batch}, L2 {l2} on the hidden weights,
  the best of {epochs} epochs. Mean and standard deviation are those of the events fitted,
  unweighted, after the replacement of -999.
- ROC AUC on the demo events, which took no part in training, early stopping or standardization:
  {auc}; ± is the statistics of these events
  alone. Five settings (nodes, L2, rate, batch) were tried, and the one with the best AUC on the
  early-stopping events was kept. The demo events' AUC of the five, 0.930 to 0.933, had been seen
  by then, so it is not a blind number.
- onnxruntime and Keras agree to {deviation:.0e} on the demo events.
- Seeds are fixed and TensorFlow's deterministic kernels are used: runs repeated on the machine that
  made it gave the same bytes. Elsewhere expect a network that differs by the float noise of
  training: the same AUC within its uncertainty, other weights, another sha256.
- A demonstration, no physics result.

Made with Python {python},
{software}.
"""


def provenance(
    files: Mapping[str, bytes], events: pa.Table, model: onnx.ModelProto, facts: Mapping[str, Any]
) -> str:
    """PROVENANCE.md of these files.

    ``events`` are the demo events, ``facts`` the settings and results that the text names.
    """
    labels = Counter(events["Label"].to_pylist())
    operators = Counter(node.op_type for node in model.graph.node)
    rows = [
        f"| {name} | {len(content)} | `{hashlib.sha256(content).hexdigest()}` |"
        for name, content in files.items()
    ]
    return PROVENANCE.format(
        files="\n".join(rows),
        events=len(events),
        first=events["EventId"][0],
        last=events["EventId"][-1],
        signal=labels["s"],
        background=labels["b"],
        doi=DOI,
        operators=", ".join(f"{k} × {v}" if v > 1 else k for k, v in operators.items()),
        opset=model.opset_import[0].version,
        exporter=model.producer_name,
        python=platform.python_version(),
        software=", ".join(f"{name} {version(name)}" for name in SOFTWARE),
        **facts,
    )
