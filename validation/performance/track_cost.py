"""What tracking costs beside the training: at the toy's size, in one process and the same minutes.

    python -m validation.performance.track_cost [--events N] [--batch N]...

Two inputs, 100 tanh nodes, sigmoid, Adam, trained in two ways: by ``keras.Model.fit``, and by a
loop over a compiled ``tf.function``, the fastest way that TensorFlow has. After each gradient step
⟨t⟩ of all five coefficients is recorded with its error. Given is the time of recording over the
time of a gradient step. The proofs that the graph has the model's weights are counted in; what is
done once, export and compilation, is told apart. Fails where a ratio at the study's batch is above
2.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np

import onnxtaylor as ot
from onnxtaylor.tracking import EVENTS
from onnxtaylor.tracking.follower import Follower
from onnxtaylor.tracking.with_keras import KerasModel
from validation.learning_progress.nets import FULL, events
from validation.training import Network, quiet_tensorflow

LIMIT = 2.0
STEPS = 400  # in a turn


def fit_ratio(batch: int, tracked: int, turns: int) -> tuple[float, float]:
    """(Recording over training, milliseconds of a step) of ``fit``, with and without callback."""
    keras = quiet_tensorflow()
    x, y = _training(batch * STEPS)
    model = Network(batch=batch).build(2)
    callback = _progress(tracked).keras()
    model.fit(x[:batch], y[:batch], batch_size=batch, callbacks=[callback], verbose=0)
    ratios, steps = [], []
    for turn in range(turns):
        took = {}
        for with_it in (turn % 2 == 0, turn % 2 == 1):
            # an empty callback: Keras waits for each step as soon as there is one
            chosen = [callback if with_it else keras.callbacks.LambdaCallback()]
            begin = time.perf_counter()
            model.fit(x, y, batch_size=batch, callbacks=chosen, shuffle=False, verbose=0)
            took[with_it] = time.perf_counter() - begin
        ratios.append((took[True] - took[False]) / took[False])
        steps.append(1e3 * took[False] / STEPS)
    return statistics.median(ratios), statistics.median(steps)


def loop_ratio(batch: int, tracked: int, turns: int) -> tuple[float, float, float]:
    """(Recording over training, milliseconds of a step, seconds once) of a compiled loop."""
    step, model, x, y = _compiled(batch)
    follower = Follower(_progress(tracked), KerasModel(model))
    begin = time.perf_counter()
    follower.record(0)
    once, count = time.perf_counter() - begin, 0
    ratios, steps = [], []
    for _ in range(turns):
        training = recording = 0.0
        for _ in range(STEPS):
            count += 1
            begin = time.perf_counter()
            step(x, y).numpy()
            middle = time.perf_counter()
            follower.record(count)
            training += middle - begin
            recording += time.perf_counter() - middle
        ratios.append(recording / training)
        steps.append(1e3 * training / STEPS)
    return statistics.median(ratios), statistics.median(steps), once


def _progress(tracked: int) -> ot.LearningProgress:
    x, _ = events(FULL, seed=99)
    return ot.LearningProgress(x[:tracked].astype(np.float32), sample=None)


def _training(count: int) -> tuple[Any, Any]:
    x, labels = events(FULL, seed=1)
    place = np.arange(count) % len(x)
    return x[place].astype(np.float32), labels[place].astype(np.float32)


def _compiled(batch: int) -> tuple[Any, Any, Any, Any]:
    """One gradient step as a ``tf.function``, its model, and a batch."""
    keras = quiet_tensorflow()
    import tensorflow as tf

    model = Network(batch=batch).build(2)
    optimizer, loss = keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy()
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True))
        weights = model.trainable_variables
        optimizer.apply(tape.gradient(value, weights), weights)
        return value

    x, y = _training(batch)
    x, y = tf.constant(x), tf.constant(y[:, None])
    for _ in range(20):
        step(x, y)
    return step, model, x, y


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints the ratios, and says whether the study's batch stays below the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="that are tracked")
    parser.add_argument("--batch", type=int, action="append", help="default: 1000 and 100")
    parser.add_argument("--turns", type=int, default=5)
    chosen = parser.parse_args(arguments)
    worst = 0.0
    print(f"{chosen.events} events tracked after each step; limit {LIMIT:g}")
    for batch in chosen.batch or (FULL.batch, 100):
        fit, fit_step = fit_ratio(batch, chosen.events, chosen.turns)
        loop, loop_step, once = loop_ratio(batch, chosen.events, chosen.turns)
        print(
            f"batch {batch}: recording / training {fit:.2f} with fit ({fit_step:.2f} ms a step),"
            f" {loop:.2f} with a tf.function ({loop_step:.2f} ms a step); once {once:.1f} s",
            flush=True,
        )
        if batch == FULL.batch:
            worst = max(worst, fit, loop)
    return 0 if worst <= LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
