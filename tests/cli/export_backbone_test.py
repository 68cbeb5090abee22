#!/usr/bin/python3
"""tools/export_backbone.py: features of the exported network equal PyTorch's.

Skipped where PyTorch and torchvision are not there, which `tools/setup.sh torch` installs, or MNIST,
which `tools/setup.sh data` fetches.
"""

import subprocess
import sys
import unittest
from pathlib import Path

import numpy as np

from cli_support import ProgramTest
from image_support import png_bytes

root = Path(__file__).resolve().parents[2]
mnist = root / "data/mnist/t10k-images-idx3-ubyte"

try:
    import torch
    from torchvision import models
except ImportError:
    torch = None


@unittest.skipIf(torch is None, "no PyTorch: tools/setup.sh torch installs it")
@unittest.skipUnless(mnist.exists(), "no data/mnist: tools/setup.sh data fetches it")
class ExportBackbone(ProgramTest):
    def check(self, name, feature_count):
        backbone = self.home / f"{name}.onnx"
        subprocess.run([sys.executable, root / "tools/export_backbone.py", name, backbone,
                        "--weights", "none", "--seed", "3"], check=True, capture_output=True)
        # Digits at the network's own size, so that nothing is resized on the way.
        digits = np.frombuffer(mnist.read_bytes()[16:16 + 6 * 784], np.uint8).reshape(6, 28, 28)
        digits = digits.repeat(8, axis=1).repeat(8, axis=2)
        photos = self.home / "photos"
        for i, pixels in enumerate(digits):
            (photos / str(i % 2)).mkdir(parents=True, exist_ok=True)
            (photos / str(i % 2) / f"{i}.png").write_bytes(png_bytes(pixels))
        order = [0, 2, 4, 1, 3, 5]
        out = self.home / f"out-{name}"
        self.succeed("extract", "--images", photos, "--backbone", backbone, "--out", out, "--quiet")

        torch.manual_seed(3)
        network = models.get_model(name, weights=None).eval()
        head = [module for module in network.modules() if isinstance(module, torch.nn.Linear)][-1]
        seen = []
        head.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
        mean = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
        std = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
        images = torch.from_numpy(digits[order].astype(np.float32))[:, None].repeat(1, 3, 1, 1)
        with torch.no_grad():
            network((images / 255 - mean) / std)
        expected = seen[0].numpy()
        features = np.load(out / "features.npy")
        self.assertEqual(features.shape, (6, feature_count))
        self.assertGreater(abs(expected).max(), 0.1)
        np.testing.assert_allclose(features, expected, rtol=0, atol=1e-4)

    def test_regnet_x_400mf(self):
        self.check("regnet_x_400mf", 400)

    def test_resnet18(self):
        self.check("resnet18", 512)

    def test_names_that_are_no_network(self):
        result = subprocess.run([sys.executable, root / "tools/export_backbone.py", "regnet_z",
                                 self.home / "x.onnx"], check=False, capture_output=True, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn("no network 'regnet_z'", result.stderr)


if __name__ == "__main__":
    unittest.main()
