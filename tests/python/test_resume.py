"""Stopping and going on: the same model comes out."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import cipherfit
from cipherfit import EncryptedClassifier

options = {"features": "standardised", "iterations": 4, "batch": 0, "solver": "primal",
           "sigmoid_range": 12.0, "step": 0.5, "rehearse": False, "components": 6}


def program(workdir):
    return textwrap.dedent(f"""
        import numpy as np
        from cipherfit import EncryptedClassifier
        random = np.random.default_rng(5)
        labels = np.arange(120) % 3
        X = random.normal(size=(120, 6)) + 2.5 * np.eye(3, 6)[labels]
        y = np.array(["ash", "birch", "cedar"])[labels]
        def report(phase, share, detail):
            print(phase, detail, flush=True)
        try:
            EncryptedClassifier(workdir={str(workdir)!r}, progress=report, **{options!r}).fit(X, y)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """)


def test_a_fit_that_was_stopped_goes_on(blobs, tmp_path):
    X, y = blobs
    with subprocess.Popen([sys.executable, "-c", program(tmp_path / "stopped")], text=True,
                          stdout=subprocess.PIPE) as process:
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if "iteration 1 of" in line or "iteration 2 of" in line:
                process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    assert lines[-1] == "interrupted", lines
    assert (tmp_path / "stopped/job/checkpoint.cft").exists()
    assert not (tmp_path / "stopped/job/model.cft").exists()
    model = EncryptedClassifier(workdir=tmp_path / "stopped", **options).fit(X, y)
    assert model.cost_["resumed_at"] >= 1
    # The same job in one go, from the same upload: the server's work repeats bit for bit.
    (tmp_path / "stopped/job/model.cft").unlink()
    again = EncryptedClassifier(workdir=tmp_path / "stopped", **options).fit(X, y)
    assert again.cost_["resumed_at"] == 0
    assert np.array_equal(again.model_.weights, model.model_.weights)


def test_a_workdir_is_for_one_training(blobs, tmp_path):
    X, y = blobs
    simple = {"features": "standardised", "iterations": 1, "workdir": tmp_path / "work"}
    first = EncryptedClassifier(**simple).fit(X, y)
    second = EncryptedClassifier(**simple).fit(X, y)  # finished: nothing is trained again
    assert np.array_equal(first.model_.weights, second.model_.weights)
    with pytest.raises(cipherfit.InputError, match="other rows: give those"):
        EncryptedClassifier(**simple).fit(X[:-1], y[:-1])
    with pytest.raises(cipherfit.InputError, match="made with ridge = null"):
        EncryptedClassifier(ridge=0.5, **simple).fit(X, y)
    owner = tmp_path / "work/owner"
    assert stat.S_IMODE(owner.stat().st_mode) == 0o700
    assert stat.S_IMODE((owner / "secret.key").stat().st_mode) == 0o600


def test_a_working_directory_is_held(blobs, tmp_path):
    X, y = blobs
    seen = []

    def report(phase, share, detail):
        if not seen:
            seen.append(phase)
            with pytest.raises(cipherfit.BusyError) as caught:
                EncryptedClassifier(workdir=tmp_path / "w", **options).fit(X, y)
            assert caught.value.code == "busy"

    EncryptedClassifier(workdir=tmp_path / "w", progress=report, **options).fit(X, y)
    assert seen


def test_an_exception_of_the_progress_function_ends_the_fit(blobs):
    def report(phase, share, detail):
        raise RuntimeError("enough")

    started = time.monotonic()
    with pytest.raises(RuntimeError, match="enough"):
        EncryptedClassifier(progress=report).fit(*blobs)
    assert time.monotonic() - started < 60
    assert not [n for n in os.listdir("/tmp") if n.startswith("cipherfit-unfinished")]
