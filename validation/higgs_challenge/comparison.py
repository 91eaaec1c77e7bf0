"""AUC and AMS of the trainings, and of the differences between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from validation.higgs_challenge.significance import ams_behind, auc, passing, replicates, scan
from validation.higgs_challenge.training import Training
from validation.higgs_data import HiggsEvents

__all__ = ["compared"]


def compared(
    trainings: Mapping[str, Sequence[Training]],
    test: HiggsEvents,
    held_out: HiggsEvents,
    count: int,
) -> dict[str, Any]:
    """AUC and AMS of each training; their means with the spread over the seeds and the events.

    Cuts are chosen on the events held out. The replicates of the test events are the same for all
    trainings, so that differences between them have the uncertainty of a difference.
    """
    times = replicates(len(test.x), count)
    variants: dict[str, Any] = {}
    drawn: dict[str, dict[str, npt.NDArray[np.float64]]] = {}
    for variant, found in trainings.items():
        cuts = [scan(t.held_out, held_out).best() for t in found]
        passed = np.array([passing(t.test, cut) for t, cut in zip(found, cuts, strict=True)])
        value = {
            "auc": np.array([auc(t.test, test) for t in found]),
            "ams": ams_behind(passed, test, np.ones((1, len(test.x))))[0],
        }
        drawn[variant] = {
            "auc": np.array([np.mean([auc(t.test, test, row) for t in found]) for row in times]),
            "ams": ams_behind(passed, test, times).mean(axis=1),
        }
        variants[variant] = {
            "epochs": [t.epochs for t in found],
            "cut": cuts,
            "background_behind": [int(row[test.signal == 0].sum()) for row in passed],
            "signal_behind": [int(row[test.signal == 1].sum()) for row in passed],
            **{
                key: {
                    "values": v.tolist(),
                    "mean": float(v.mean()),
                    "seeds": float(v.std(ddof=1)),
                    "events": float(drawn[variant][key].std(ddof=1)),
                }
                for key, v in value.items()
            },
        }
    return {
        "trainings": variants,
        "differences": {
            variant: {
                key: {
                    "value": variants[variant][key]["mean"] - variants["all"][key]["mean"],
                    "events": float((drawn[variant][key] - drawn["all"][key]).std(ddof=1)),
                    "seeds": float(
                        np.hypot(variants[variant][key]["seeds"], variants["all"][key]["seeds"])
                        / np.sqrt(len(trainings["all"]))
                    ),
                }
                for key in ("auc", "ams")
            }
            for variant in ("selected", "others")
        },
    }
