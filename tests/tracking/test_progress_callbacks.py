"""The callbacks for Keras and PyTorch: each step against an analysis of an export of that step."""

from __future__ import annotations

import numpy as np
import pytest

import onnxtaylor as ot

X = np.random.default_rng(4).normal(size=(120, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(np.float32)


def analyzed(model, **options):
    return ot.analyze(model, X, bootstrap=0, check=0, threads=1, **options)


def compare(result, models, **options):
    for place, model in enumerate(models):
        alone = analyzed(model, **options)
        scale = np.abs(alone.score).max()
        np.testing.assert_allclose(result.score[place], alone.score, rtol=1e-4, atol=2e-6 * scale)


@pytest.fixture(scope="module")
def keras():
    pytest.importorskip("tensorflow", reason="Keras needs TensorFlow")
    pytest.importorskip("tf2onnx", reason="Keras exports by tf2onnx")
    from validation.training import quiet_tensorflow

    return quiet_tensorflow()


def fitted(keras, layers, every=1, epochs=2, **options):
    """A model fitted with the callback, and its exports at the steps that are recorded."""
    from validation.training import export

    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,), name="x"), *layers])
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss="binary_crossentropy")
    progress = ot.LearningProgress(X, sample=None, threads=1, **options)
    exports = [export(model)]

    class Save(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            exports.append(export(self.model))

    weights = []

    class Weights(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            weights.append(self.model.get_weights())

    before = model.get_weights()
    callbacks = [progress.keras(every=every), Weights(), Save()]
    model.fit(X, Y, batch_size=40, epochs=epochs, verbose=0, callbacks=callbacks)
    for a, b in zip(before, weights[0], strict=True):
        np.testing.assert_array_equal(a, b)  # the export left no trace
    return model, progress, exports


@pytest.mark.slow
def test_keras_every_step(keras):
    layers = [keras.layers.Dense(6, "tanh"), keras.layers.Dense(1, "sigmoid")]
    _, progress, exports = fitted(keras, layers)
    result = progress.result()
    assert result.numbers.tolist() == list(range(7))
    assert [step.how for step in result.steps] == ["compiled", *["swapped"] * 6]
    compare(result, exports)


@pytest.mark.slow
def test_keras_dropout_links_and_intervals(keras):
    """Dropout is off in what is tracked; another call of fit goes on counting."""
    layers = [
        keras.layers.Dense(6, "softplus"),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(1, "sigmoid"),
    ]
    _, progress, exports = fitted(keras, layers, every=4, epochs=2, link="logit")
    assert [step.step for step in progress.steps] == [0, 4]
    compare(progress.result(), [exports[0], exports[4]], link="logit")


@pytest.mark.slow
def test_keras_batch_normalization(keras):
    """Its exporter folds the statistics: the model is exported every time, and that is said."""
    layers = [
        keras.layers.Dense(5, "tanh"),
        keras.layers.BatchNormalization(),
        keras.layers.Dense(1, "sigmoid"),
    ]
    with pytest.warns(ot.errors.OnnxTaylorWarning, match="exported again at every recorded step"):
        _, progress, exports = fitted(keras, layers, epochs=1)
    compare(progress.result(), exports)


def torch_export(torch, module, path):
    import copy

    twin = copy.deepcopy(module).eval()
    torch.onnx.export(
        twin, (torch.zeros(2, 4),), str(path), input_names=["x"], output_names=["y"],
        dynamic_axes={"x": {0: "N"}, "y": {0: "N"}}, dynamo=False,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["plain", "normalized"])
def test_torch_every_step(kind, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    torch.manual_seed(1)
    norm = [torch.nn.BatchNorm1d(6)] if kind == "normalized" else []
    module = torch.nn.Sequential(
        torch.nn.Linear(4, 6), *norm, torch.nn.Tanh(), torch.nn.Dropout(0.3),
        torch.nn.Linear(6, 1), torch.nn.Sigmoid(),
    )  # fmt: skip
    optimizer = torch.optim.Adam(module.parameters(), 0.05)
    progress = ot.LearningProgress(X, sample=None, threads=1)
    hook = progress.torch(module, every=2)
    paths = [tmp_path / "0.onnx"]
    torch_export(torch, module, paths[0])
    for step in range(1, 7):
        optimizer.zero_grad()
        response = module(torch.as_tensor(X))[:, 0]
        torch.nn.functional.binary_cross_entropy(response, torch.as_tensor(Y)).backward()
        optimizer.step()
        hook.step()
        if step % 2 == 0:
            paths.append(tmp_path / f"{step}.onnx")
            torch_export(torch, module, paths[-1])
    hook.finish()
    assert module.training
    result = progress.result()
    assert result.numbers.tolist() == [0, 2, 4, 6]
    compare(result, paths)
    assert [step.how for step in result.steps] == ["compiled", *["swapped"] * 3]


def test_torch_parameters_of_one_number(tmp_path):
    """A learned temperature has no dimensions at all."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    torch.manual_seed(2)

    class Tempered(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh())
            self.last = torch.nn.Linear(5, 1)
            self.temperature = torch.nn.Parameter(torch.tensor(0.7))

        def forward(self, x):
            return torch.sigmoid(self.last(self.body(x)) * self.temperature)

    module = Tempered()
    optimizer = torch.optim.SGD(module.parameters(), 0.5)
    progress = ot.LearningProgress(X, sample=None, threads=1)
    hook = progress.torch(module)
    paths = [tmp_path / "0.onnx"]
    torch_export(torch, module, paths[0])
    for step in range(1, 4):
        optimizer.zero_grad()
        response = module(torch.as_tensor(X))[:, 0]
        torch.nn.functional.binary_cross_entropy(response, torch.as_tensor(Y)).backward()
        optimizer.step()
        hook.step()
        paths.append(tmp_path / f"{step}.onnx")
        torch_export(torch, module, paths[-1])
    hook.finish()
    assert module.temperature.shape == ()
    compare(progress.result(), paths)
