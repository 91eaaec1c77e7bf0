"""Makes the demo model and the demo events that ship in ``onnxtaylor/demo``.

    python -m validation.demo_model [--data FOLDER] [--output FOLDER]

A classifier of signal (H→ττ) against background on 30 features of the ATLAS Higgs challenge:

    x → (−10 where x < −900) → (x − mean)/std → 64 tanh → 64 tanh → sigmoid

The inputs stay in their physical units, missing values (−999) included: replacement and
standardization are part of the graph, so derivatives are per GeV or per radian of the source, and
vanish for a missing value. The −10 follows the published study (Wunsch, Friese, Wolf, Quast,
Comput. Softw. Big Sci. 2 (2018) 5, arXiv:1803.08782).

The last 2 000 events of the file are the demo events, and neither the training nor the early
stopping nor the choice of the network has seen them. The events come out byte for byte the same
with the same pyarrow; the network comes out the same up to the float noise of training, which
another processor or TensorFlow version changes.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import platform
import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

Floats = npt.NDArray[np.floating[Any]]

SOURCE = Path("higgs/atlas-higgs-challenge-2014-v2_first22889.csv.gz")
DOI = "10.7483/OPENDATA.ATLAS.ZBP2.M5T8"
OUTPUT = Path(__file__).resolve().parents[1] / "onnxtaylor" / "demo"
KEPT = ("EventId", "Weight", "Label", "KaggleWeight")
DEMO_EVENTS = 2000
VALIDATION_SHARE = 0.2
SEED = 2018
MISSING_BELOW, REPLACEMENT = -900.0, -10.0
LAYERS = ("hidden_1", "hidden_2", "signal")
WIDTH, L2, LEARNING_RATE, BATCH, PATIENCE, MAX_EPOCHS = 64, 1e-3, 1e-3, 256, 10, 300
SOFTWARE = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "numpy", "pyarrow")


class DemoError(Exception):
    """The demo cannot be made; the message says why, in one line."""


@dataclass(frozen=True)
class Events:
    """x: (events, 30) float32, signal: (events,) of 0 and 1, weight: (events,) KaggleWeight."""

    x: npt.NDArray[np.float32]
    signal: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float64]

    @classmethod
    def of(cls, table: pa.Table) -> Events:
        """The numbers that the training needs."""
        x = np.column_stack([table[name].to_numpy() for name in feature_names(table)])
        signal = np.array([label == "s" for label in table["Label"].to_pylist()])
        return cls(x.astype("f4"), signal.astype("f4"), table["KaggleWeight"].to_numpy())

    def take(self, rows: npt.NDArray[np.int64]) -> Events:
        """The events of these rows."""
        return Events(self.x[rows], self.signal[rows], self.weight[rows])

    def balanced(self) -> npt.NDArray[np.float32]:
        """w_k · N / (2 Σ w over the class of k): either class has the total N/2."""
        totals = np.bincount(self.signal.astype(int), self.weight)
        weight = self.weight / totals[self.signal.astype(int)]
        return (weight * len(weight) / 2).astype("f4")


def feature_names(table: pa.Table) -> list[str]:
    """The 13 derived and 17 primitive quantities, in the order of the source."""
    return [name for name in table.column_names if name.startswith(("DER_", "PRI_"))]


def read_source(data: str | None) -> pa.Table:
    """All events of the source; the features as float64 (the source's PRI_jet_num is integer)."""
    if not data:
        raise DemoError("no data folder: name it with --data, or set ONNXTAYLOR_DATA")
    path = Path(data) / SOURCE
    if not path.is_file():
        raise DemoError(f"{path} is not there: is {data} the folder of the test data?")
    table = pc.read_csv(path)
    names = feature_names(table)
    if len(names) != 30 or not set(KEPT) <= set(table.column_names):
        raise DemoError(f"{path} does not have the columns of the Higgs challenge")
    columns = ["EventId", *names, "Weight", "Label", "KaggleWeight"]
    types = [(name, pa.float64() if name in names else table.schema.field(name).type)
             for name in columns]
    return table.select(columns).cast(pa.schema(types))


def demo_events(table: pa.Table) -> bytes:
    """The last 2 000 events as a Parquet file; weights as in the source, not rescaled."""
    metadata = {"source": f"CERN Open Data, DOI {DOI}", "made_by": "validation/demo_model.py"}
    events = table.slice(len(table) - DEMO_EVENTS).replace_schema_metadata(metadata)
    buffer = io.BytesIO()
    pq.write_table(
        events, buffer, compression="zstd", compression_level=19, use_dictionary=["Label"]
    )
    return buffer.getvalue()


def build(mean: Floats, std: Floats) -> Any:
    """The network on raw features; mean and std are those after the replacement of −999."""
    import keras

    x = keras.Input((len(mean),), name="features")
    y = keras.ops.where(x < MISSING_BELOW, REPLACEMENT, x)
    # Not keras.layers.Normalization: its constants are lost in keras' export through tf2onnx,
    # which turns them into further inputs of the graph.
    scale, offset = (1 / std).tolist(), (-mean / std).tolist()
    y = keras.layers.Rescaling(scale, offset, name="standardize")(y)
    for name in LAYERS[:-1]:
        penalty = keras.regularizers.L2(L2)
        y = keras.layers.Dense(WIDTH, "tanh", kernel_regularizer=penalty, name=name)(y)
    y = keras.layers.Dense(1, "sigmoid", name=LAYERS[-1])(y)
    return keras.Model(x, y, name="higgs")


def train(events: Events) -> tuple[Any, int]:
    """The network at its smallest loss on a fifth of the events, and the epochs that were run."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    rows = np.random.default_rng(SEED).permutation(len(events.x))
    cut = int(len(rows) * VALIDATION_SHARE)
    stop, fit = events.take(rows[:cut]), events.take(rows[cut:])
    replaced = np.where(fit.x < MISSING_BELOW, REPLACEMENT, fit.x)
    model = build(replaced.mean(axis=0, dtype="f8"), replaced.std(axis=0, dtype="f8"))
    model.compile(keras.optimizers.Adam(LEARNING_RATE), "binary_crossentropy")
    history = model.fit(
        fit.x,
        fit.signal,
        sample_weight=fit.balanced(),
        validation_data=(stop.x, stop.signal, stop.balanced()),
        batch_size=BATCH,
        epochs=MAX_EPOCHS,
        callbacks=[keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)],
        verbose=0,
    )
    return model, len(history.epoch)


def export(model: Any, names: list[str]) -> onnx.ModelProto:
    """The Keras model as ONNX, by Keras' own export, made readable and given its metadata."""
    model(np.zeros((1, len(names)), np.float32))  # keras exports only a model that has been called
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "higgs.onnx"
        model.export(path, format="onnx", verbose=False)
        exported = onnx.load(path)
    if [entry.name for entry in exported.graph.input] != ["features"]:
        raise DemoError("the export has other inputs than `features`")
    tidy(exported)
    exported.doc_string = (
        "Signal (H→ττ) against background on the 30 raw features of the ATLAS Higgs boson machine "
        f"learning challenge 2014 (CERN Open Data record 328, DOI {DOI}). Missing values are -999. "
        "Demo model of onnxtaylor, made by validation/demo_model.py; no physics result."
    )
    onnx.helper.set_model_props(exported, {"feature_names": json.dumps(names)})
    onnx.checker.check_model(exported, full_check=True)
    return exported


def tidy(model: onnx.ModelProto) -> None:
    """One Where instead of tf2onnx' arithmetic for it; short names; the signature's names."""
    graph = model.graph
    restore_where(graph)
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    constants = iter(("missing_below", "replacement"))
    renamed = {"features": "features", graph.output[0].name: "signal"}
    for tensor in kept:
        renamed[tensor.name] = next(constants) if not tensor.dims else short(tensor.name)
    for node in graph.node:
        for name in node.output:
            renamed.setdefault(name, short(name))
    if len(set(renamed.values())) != len(renamed):
        raise DemoError("two tensors of the export have the same short name")
    for node in graph.node:
        node.name = short(node.name)
        node.input[:] = [renamed[name] for name in node.input]
        node.output[:] = [renamed[name] for name in node.output]
    for tensor in kept:
        tensor.name = renamed[tensor.name]
    graph.ClearField("initializer")
    graph.initializer.extend(sorted(kept, key=lambda tensor: tensor.name))
    graph.ClearField("value_info")
    graph.name = "higgs"
    graph.output[0].name = "signal"
    for entry in (graph.input[0], graph.output[0]):
        entry.type.tensor_type.shape.dim[0].dim_param = "events"
    domains = {node.domain for node in graph.node}
    standard = [entry for entry in model.opset_import if entry.domain in domains]
    model.ClearField("opset_import")
    model.opset_import.extend(standard)


def restore_where(graph: onnx.GraphProto) -> None:
    """Cast(c)·a + Cast(¬c)·x, which is what tf2onnx makes of a selection, back to Where(c, a, x)."""
    maker = {name: node for node in graph.node for name in node.output}
    (condition,) = (node for node in graph.node if node.op_type == "Less")
    for node in graph.node:
        products = [maker.get(name) for name in node.input]
        if node.op_type == "Add" and all(p and p.op_type == "Mul" for p in products):
            break
    else:
        raise DemoError("the export does not write its selection as tf2onnx 1.17 does")
    values = [
        next(name for name in product.input if maker.get(name, product).op_type != "Cast")
        for product in products
    ]
    dropped = {"Cast", "Not"}
    chosen = onnx.helper.make_node(
        "Where", [condition.output[0], *values], list(node.output), name=node.name
    )
    kept = [chosen if other is node else other for other in graph.node
            if other.op_type not in dropped and other not in products]
    graph.ClearField("node")
    graph.node.extend(kept)


def short(name: str) -> str:
    """The name without the model's scope, the repeat count of a scope, and TensorFlow's ``:0``."""
    name = name.removesuffix(":0")
    name = re.sub(r"^higgs(_\d+)*/", "", name)
    return re.sub(rf"^({'|'.join((*LAYERS, 'standardize'))})_\d+/", r"\1/", name)


def verify(exported: onnx.ModelProto, model: Any, x: npt.NDArray[np.float32]) -> float:
    """The largest |onnxruntime − Keras|; raises DemoError where the export is not the model.

    Also: the signature, only standard operators, and an event alone as in a batch.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(exported.SerializeToString())
    entries = [*session.get_inputs(), *session.get_outputs()]
    signature = [(entry.name, entry.shape) for entry in entries]
    if signature != [("features", ["events", x.shape[1]]), ("signal", ["events", 1])]:
        raise DemoError(f"the export has the signature {signature}")
    opset = exported.opset_import[0].version
    for node in exported.graph.node:
        if node.domain or not onnx.defs.has(node.op_type, opset, ""):
            raise DemoError(f"{node.op_type} is no operator of ONNX opset {opset}")
    together = session.run(["signal"], {"features": x})[0]
    alone = np.concatenate([session.run(["signal"], {"features": row[None]})[0] for row in x])
    if abs(alone - together).max() > 1e-6:
        raise DemoError("an event alone responds otherwise than in a batch")
    deviation = float(abs(together - model.predict(x, verbose=0)).max())
    if not deviation < 1e-5:
        raise DemoError(f"onnxruntime and Keras differ by {deviation:.1e}")
    return deviation


def auc(model: Any, events: Events) -> str:
    """Weighted and plain ROC AUC ± the standard deviation over 200 bootstrap replicates."""
    from sklearn.metrics import roc_auc_score

    response = model.predict(events.x, verbose=0)[:, 0]
    rng = np.random.default_rng(SEED)
    draws = [rng.integers(len(response), size=len(response)) for _ in range(200)]
    text = []
    for kind, weight in (("KaggleWeight", events.weight), ("unweighted", np.ones(len(response)))):
        value, *replicates = (
            roc_auc_score(events.signal[rows], response[rows], sample_weight=weight[rows])
            for rows in (np.arange(len(response)), *draws)
        )
        text.append(f"{value:.3f} ± {np.std(replicates):.3f} ({kind})")
    return ", ".join(text)


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
`feature_names`), output `signal` [events, 1]. Operators: {operators}. ONNX opset {opset}, exported by
{exporter}; the selection that tf2onnx writes as arithmetic was put
back as one Where, and tensors were given short names.

- Trained with Keras on the 20 889 events before the demo events, a fifth of them (seed {seed}) only
  for early stopping: binary cross-entropy, events weighted by KaggleWeight with either class
  normalized to the same total, Adam({rate}), batches of {batch}, L2 {l2} on the hidden weights,
  the best of {epochs} epochs. Mean and standard deviation are those of the events fitted, unweighted,
  after the replacement of -999.
- ROC AUC on the demo events, which the training has not seen: {auc}.
- onnxruntime and Keras agree to {deviation:.0e} on the demo events.
- Seeds are fixed and TensorFlow's deterministic kernels are used, so the same software on the same
  kind of processor trains the same network. Elsewhere expect one that differs by the float noise of
  training: the same AUC within its uncertainty, other weights, another sha256.
- A demonstration, no physics result.

Made with Python {python}, {software}.
"""


def provenance(
    files: dict[str, bytes], table: pa.Table, exported: onnx.ModelProto, **measured: Any
) -> str:
    """The text of PROVENANCE.md: what, from where, how, and the checksums."""
    events = table.slice(len(table) - DEMO_EVENTS)
    labels = Counter(events["Label"].to_pylist())
    rows = [
        f"| {name} | {len(content)} | `{hashlib.sha256(content).hexdigest()}` |"
        for name, content in files.items()
    ]
    operators = Counter(node.op_type for node in exported.graph.node)
    return PROVENANCE.format(
        source=SOURCE,
        files="\n".join(rows),
        events=len(events),
        first=events["EventId"][0],
        last=events["EventId"][-1],
        signal=labels["s"],
        background=labels["b"],
        doi=DOI,
        width=WIDTH,
        operators=", ".join(f"{k} × {v}" if v > 1 else k for k, v in operators.items()),
        opset=exported.opset_import[0].version,
        exporter=f"Keras' `model.export` ({exported.producer_name})",
        seed=SEED,
        rate=LEARNING_RATE,
        batch=BATCH,
        l2=L2,
        python=platform.python_version(),
        software=", ".join(f"{name} {version(name)}" for name in SOFTWARE),
        **measured,
    )


def main(arguments: list[str] | None = None) -> int:
    """The command; 0 when the files are written, 2 when they cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m validation.demo_model")
    parser.add_argument(
        "--data",
        metavar="FOLDER",
        default=os.environ.get("ONNXTAYLOR_DATA"),
        help="folder of the test data (default: $ONNXTAYLOR_DATA)",
    )
    parser.add_argument("--output", metavar="FOLDER", type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    try:
        make(options.data, options.output)
    except DemoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def make(data: str | None, output: Path) -> None:
    """Reads, trains, exports, verifies, and only then writes the three files."""
    table = read_source(data)
    # One kind of arithmetic on every machine, as far as there is a choice; before the imports.
    os.environ |= {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    os.environ |= {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    every = Events.of(table)
    rows = np.arange(len(table))
    demo = every.take(rows[-DEMO_EVENTS:])
    model, epochs = train(every.take(rows[:-DEMO_EVENTS]))
    exported = export(model, feature_names(table))
    deviation = verify(exported, model, demo.x)
    reached = auc(model, demo)
    files = {"higgs.onnx": exported.SerializeToString(), "higgs.parquet": demo_events(table)}
    text = provenance(files, table, exported, epochs=epochs, auc=reached, deviation=deviation)
    output.mkdir(parents=True, exist_ok=True)
    for name, content in {**files, "PROVENANCE.md": text.encode()}.items():
        (output / name).write_bytes(content)
        print(f"{output / name}: {len(content)} bytes")
    print(f"{epochs} epochs; ROC AUC on the demo events: {reached}")


if __name__ == "__main__":
    sys.exit(main())
