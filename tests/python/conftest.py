"""What the tests of the Python package share."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

build = Path(os.environ["CIPHERFIT_BUILD"])


@pytest.fixture(scope="session")
def cancer():
    return load_breast_cancer(return_X_y=True)


@pytest.fixture(scope="session")
def blobs():
    """Three classes of 120 rows and 6 columns, with string labels."""
    random = np.random.default_rng(5)
    labels = np.arange(120) % 3
    rows = random.normal(size=(120, 6)) + 2.5 * np.eye(3, 6)[labels]
    return rows, np.array(["ash", "birch", "cedar"])[labels]


@pytest.fixture
def command_line(tmp_path):
    """Runs `cipherfit fit` on arrays and returns the weights that it leaves."""

    def fit(X, y, *options):
        np.save(tmp_path / "X.npy", X)
        np.save(tmp_path / "y.npy", y)
        files = ["--train", tmp_path / "X.npy", "--labels", tmp_path / "y.npy",
                 "--test", tmp_path / "X.npy", "--test-labels", tmp_path / "y.npy"]
        done = subprocess.run([build / "cipherfit", "fit", *files, "--out", tmp_path / "run", "--quiet",
                               *options], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return np.load(tmp_path / "run/model/weights.npy")

    return fit
