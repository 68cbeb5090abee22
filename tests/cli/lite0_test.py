#!/usr/bin/python3
"""EfficientNet-Lite0 as it is run, against a NumPy evaluation of the weights as published.

Needs data/backbone, which `tools/setup.sh backbone` makes; skipped where that is not there.
"""

import json
import sys
import unittest
from pathlib import Path

import numpy as np

from cli_support import ProgramTest
from image_support import png_bytes

root = Path(__file__).resolve().parents[2]
mnist = root / "data/mnist/t10k-images-idx3-ubyte"
backbone = root / "data/backbone/efficientnet-lite0.onnx"
sys.path[:0] = [str(root / "tests/backbone/oracle"), str(root / "tools/backbone")]

import lite0_network  # noqa: E402
import torch_weights  # noqa: E402


def picture(seed):
    """Smooth colours with a disc: no photograph, but with edges and areas as one has them."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:224, 0:224] / 224
    phases = random.uniform(0, 6, 6)
    pixels = np.stack([128 + 90 * np.sin(7 * x + phases[c]) * np.cos(5 * y + phases[c + 3])
                       for c in range(3)], axis=2)
    pixels[(x - 0.5) ** 2 + (y - 0.4) ** 2 < 0.06] = random.integers(0, 256, 3)
    return np.clip(pixels + random.normal(size=pixels.shape) * 8, 0, 255).astype(np.uint8)


@unittest.skipUnless(backbone.exists(), "no data/backbone: tools/setup.sh backbone fetches it")
class Lite0(ProgramTest):
    def test_features_equal_the_numpy_evaluation(self):
        pictures = np.array([picture(1), picture(2)])
        photos, out = self.home / "photos", self.home / "out"
        for i, pixels in enumerate(pictures):
            (photos / str(i)).mkdir(parents=True)
            (photos / str(i) / "picture.png").write_bytes(png_bytes(pixels))
        self.succeed("extract", "--images", photos, "--backbone", backbone, "--out", out, "--quiet")
        weights = torch_weights.read_weights(backbone.with_suffix(".pth"))
        images = (pictures.astype(np.float64).transpose(0, 3, 1, 2) - 127) / 128
        expected, _ = lite0_network.evaluate(weights, images)
        features = np.load(out / "features.npy")
        self.assertEqual(features.shape, (2, 1280))
        # ReLU6 bounds the values; what float32 leaves of some fifty layers is 1e-5 in practice.
        np.testing.assert_allclose(features, expected, rtol=0, atol=1e-3)
        # They are features of these pictures: the two differ by far more than that.
        self.assertGreater(abs(features[0] - features[1]).max(), 0.1)


def logistic_regression(rows, labels, c, steps=4000):
    """Weights and offsets that minimise c * cross-entropy + |W|^2 / 2, by accelerated gradient steps
    in the span of the rows, where the minimum lies."""
    basis = np.linalg.svd(rows, full_matrices=False)[2]
    x = np.c_[rows @ basis.T, np.ones(len(rows))]
    y = np.eye(10)[labels]
    penalty = np.append(np.ones(len(basis)), 0)[:, None]
    step = 1 / (0.5 * c * np.linalg.norm(x, 2) ** 2 + 1)
    w = v = np.zeros((x.shape[1], 10))
    for t in range(steps):
        p = np.exp(x @ v - (x @ v).max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        after = v - step * (c * x.T @ (p - y) + penalty * v)
        v = after + t / (t + 3) * (after - w)
        w = after
    return basis.T @ w[:-1], w[-1]


@unittest.skipUnless(backbone.exists() and mnist.exists(),
                     "no data/backbone or data/mnist: tools/setup.sh backbone data fetches them")
class Mnist(ProgramTest):
    def test_eight_iterations_are_as_good_as_logistic_regression(self):
        for part, name, rows in (("train", "train-images-idx3-ubyte", "0:128"),
                                 ("test", "t10k-images-idx3-ubyte", "0:400")):
            self.succeed("extract", "--images", mnist.parent / name, "--rows", rows, "--backbone",
                         backbone, "--out", self.home / part, "--quiet")
        report = self.home / "report.json"
        self.succeed("fit", "--train", self.home / "train", "--test", self.home / "test", "--out",
                     self.home / "run", "--iterations", "8", "--fhe", "simulate", "--json", report,
                     "--quiet")
        figures = json.loads(report.read_text())
        load = lambda part: (np.load(self.home / part / "features.npy").astype(float),
                             np.load(self.home / part / "labels.npy"))
        (rows, labels), (others, truth) = load("train"), load("test")
        best = 0
        for c in (0.001, 0.01, 0.1, 1, 10):
            weights, offsets = logistic_regression(rows, labels, c)
            best = max(best, ((others @ weights + offsets).argmax(axis=1) == truth).mean())
        self.assertGreater(best, 0.6)
        self.assertGreaterEqual(figures["test_accuracy"], best)
        self.assertLessEqual(abs(figures["test_accuracy"] - figures["simulated_test_accuracy"]),
                             0.005)


if __name__ == "__main__":
    unittest.main()
