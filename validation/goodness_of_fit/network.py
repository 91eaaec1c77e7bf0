"""The network whose ⟨t⟩ stands beside the p-values: signal against background of the recipe."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import onnxtaylor as ot
from onnxtaylor.gof import Sample
from onnxtaylor.results.taylor import TaylorResult
from validation.goodness_of_fit.experiments import Sizes
from validation.goodness_of_fit.recipe import FEATURES, MISSING, simulation
from validation.training import Network, export, train

__all__ = ["ranked"]


def ranked(sizes: Sizes) -> TaylorResult:
    """Trains on one simulated sample, and analyzes the response at the events of another one.

    One hidden layer of 100 tanh nodes, sigmoid output, Adam, either class with half of the weight;
    features standardized, missing ones at their mean.
    """
    random = np.random.default_rng(2018)
    sample, signal = simulation(sizes.train, sizes.data, random)
    test, _ = simulation(sizes.train // 2, sizes.data, random)
    present = np.where(sample.x == MISSING, np.nan, sample.x)
    mean, std = np.nanmean(present, axis=0), np.nanstd(present, axis=0)

    def scaled(of: Sample) -> npt.NDArray[np.float32]:
        return np.where(of.x == MISSING, 0.0, (of.x - mean) / std).astype("f4")

    size = np.abs(sample.w)  # as in most trainings: negative losses have no minimum
    weights = len(size) * size / (2 * np.bincount(signal, size))[signal]
    network = Network(hidden=(100,), epochs=sizes.epochs, batch=500, seed=3)
    model = train(network, scaled(sample), signal, weights)
    return ot.analyze(
        export(model), scaled(test), feature_names=FEATURES, weights=test.w, scale="sigma"
    )
