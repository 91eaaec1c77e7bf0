"""A model with any mutation ends in a result or in one line: no traceback, signal, hang, silence.

``python -m tests.fuzz 5000`` tries more of them.
"""

from __future__ import annotations

import pytest

from tests.fuzz.trial import again_as_users_do, fault_of, trials

SEED = 17


def bad_ones(count, folder, first=0):
    bad = []
    for trial in trials(count, SEED, folder, first):
        fault = fault_of(trial)
        if fault.startswith("signal"):  # the command's parent process tells of it
            fault = fault_of(again_as_users_do(trial))
        if fault:
            last = trial.err.strip().splitlines()[-1:]
            bad.append(f"{trial.number}: {fault}: {' '.join(trial.command[:1])} {last}")
    return bad


def test_some_mutated_models(tmp_path):
    assert bad_ones(25, tmp_path) == []


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_many_mutated_models(tmp_path):
    assert bad_ones(500, tmp_path) == []
