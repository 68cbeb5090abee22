"""The transformers make the programs' features, bit for bit."""

import json
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import build
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import cipherfit
from cipherfit import CnnFeatures, EncryptedClassifier, RandomConvFeatures, RandomFourierFeatures

root = Path(__file__).resolve().parent.parent.parent


def test_check_estimator():
    results = check_estimator(RandomFourierFeatures(cosines=64), on_skip=None)
    assert len(results) > 30 and {r["status"] for r in results} <= {"passed", "skipped"}


def test_cosines_are_the_programs(cancer, command_line, tmp_path):
    X, y = cancer
    features = RandomFourierFeatures(width=0.3, cosines=128, components=20, random_state=4).fit(X)
    command_line(X, y, "--fhe", "simulate", "--features", "rbf", "--rbf-width", "0.3",
                 "--rbf-cosines", "128", "--pca", "20", "--ridge", "1e-3", "--iterations", "1",
                 "--seed", "4")
    saved = json.loads((tmp_path / "run/model/features.json").read_text())
    assert json.loads(features.features_.state()) == saved
    model = EncryptedClassifier(features="rbf", rbf_width=0.3, rbf_cosines=128, components=20,
                                ridge=1e-3, iterations=1, random_state=4, fhe="disable").fit(X, y)
    scores = features.transform(X) @ model.model_.weights[:, 1:].T + model.model_.weights[:, 0]
    assert np.allclose(scores[:, 1] - scores[:, 0], model.decision_function(X), rtol=1e-12)


def test_convolutions_are_the_programs(command_line, tmp_path):
    X, y = load_digits(return_X_y=True)
    X, y = X[:200] * 15, y[:200]
    features = RandomConvFeatures(image_shape=(8, 8), components=12, ridge=1e-3, threshold=0.3)
    rows = features.fit_transform(X)
    assert rows.shape == (200, 12) and len(features.get_feature_names_out()) == 12
    command_line(X, y, "--fhe", "simulate", "--features", "random-conv", "--pca", "12", "--ridge",
                 "1e-3", "--conv-threshold", "0.3", "--iterations", "1")
    saved = json.loads((tmp_path / "run/model/features.json").read_text())
    assert json.loads(features.features_.state()) == saved
    again = pickle.loads(pickle.dumps(features))
    assert np.array_equal(again.transform(X), rows)


def test_filters_and_norms_are_the_programs(command_line, tmp_path):
    X, y = load_digits(return_X_y=True)
    X, y = X[:200] * 15, y[:200]
    features = RandomConvFeatures(image_shape=(8, 8), components=12, ridge=1e-3, threshold=0.3,
                                  filters=24, normalise=True)
    rows = features.fit_transform(X)
    weights = command_line(X, y, "--fhe", "simulate", "--features", "random-conv", "--pca", "12",
                           "--ridge", "1e-3", "--conv-threshold", "0.3", "--conv-filters", "24",
                           "--conv-normalise", "--iterations", "1")
    saved = json.loads((tmp_path / "run/model/features.json").read_text())
    assert json.loads(features.features_.state()) == saved
    model = EncryptedClassifier(features="random-conv", image_shape=(8, 8), components=12, ridge=1e-3,
                                conv_threshold=0.3, conv_filters=24, conv_normalise=True, iterations=1,
                                fhe="simulate").fit(X, y)
    assert np.array_equal(model.model_.weights, weights)
    # Each of the two makes a difference.
    for other in ({"filters": 25}, {"normalise": False}):
        changed = RandomConvFeatures(**{**features.get_params(), **other}).fit_transform(X)
        assert not np.allclose(changed, rows)


def test_wrong_numbers_of_filters_are_refused():
    X = np.ones((20, 64))
    with pytest.raises(cipherfit.InputError, match="conv_filters='many': give a whole number"):
        RandomConvFeatures(filters="many").fit(X)
    with pytest.raises(cipherfit.InputError, match="conv_normalise=3: give True or False"):
        RandomConvFeatures(normalise=3).fit(X)


def test_in_a_pipeline(cancer):
    X, y = cancer
    pipeline = make_pipeline(
        RandomFourierFeatures(width=0.3, cosines=128, components=30),
        EncryptedClassifier(features="standardised", iterations=1, fhe="simulate"))
    assert pipeline.fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.9


def test_images_of_another_shape_are_refused():
    with pytest.raises(cipherfit.InputError, match="square images"):
        RandomConvFeatures().fit(np.ones((20, 10)))


network = next(iter(sorted((root / "data/backbone").glob("*.onnx"))), None)


@pytest.mark.skipif(network is None, reason="no network: tools/setup.sh backbone")
def test_network_features_are_the_programs(tmp_path):
    random = np.random.default_rng(2)
    from_arrays = []
    for name in ("a", "b"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(2):
            pixels = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
            _write_png(tmp_path / "pictures" / name / f"{i}.png", pixels)
            from_arrays.append(pixels)
    done = subprocess.run([build / "cipherfit", "extract", "--images", tmp_path / "pictures",
                           "--backbone", network, "--out", tmp_path / "out", "--quiet"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = np.load(tmp_path / "out/features.npy")
    features = CnnFeatures(network, progress=False).fit()
    assert np.array_equal(features.transform(from_arrays), expected)
    files = sorted((tmp_path / "pictures").rglob("*.png"))
    assert np.array_equal(pickle.loads(pickle.dumps(features)).transform(files), expected)
    about = json.loads((tmp_path / "out/extraction.json").read_text())
    assert features.fingerprint_ == about["backbone_fingerprint"]


def _write_png(file, pixels):
    import struct
    import zlib

    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    parts = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
             (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts))
