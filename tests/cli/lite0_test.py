#!/usr/bin/python3
"""EfficientNet-Lite0 as it is run, against a NumPy evaluation of the weights as published.

Needs data/backbone, which `tools/setup.sh backbone` makes; skipped where that is not there.
"""

import sys
import unittest
from pathlib import Path

import numpy as np

from cli_support import ProgramTest
from image_support import png_bytes

root = Path(__file__).resolve().parents[2]
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


class RestrictedPickles(unittest.TestCase):
    def test_a_pickle_that_calls_anything_else_is_refused(self):
        import os
        import pickle
        import tempfile

        class Attack:
            def __reduce__(self):
                return (os.mkdir, (marker,))

        with tempfile.TemporaryDirectory() as folder:
            marker, path = f"{folder}/called", Path(folder, "weights.pth")
            path.write_bytes(pickle.dumps(Attack()))
            with self.assertRaisesRegex(pickle.UnpicklingError, "mkdir"):
                torch_weights.read_weights(path)
            self.assertFalse(Path(marker).exists())
            path.write_bytes(pickle.dumps(1) + pickle.dumps(2))
            with self.assertRaisesRegex(ValueError, "no PyTorch weight file"):
                torch_weights.read_weights(path)


if __name__ == "__main__":
    unittest.main()
