#!/usr/bin/python3
"""tools/backbone/torch_weights.py: files of weights are data, whatever they say."""

import os
import pickle
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/backbone"))

import torch_weights  # noqa: E402


class RestrictedPickles(unittest.TestCase):
    def test_a_pickle_that_calls_anything_else_is_refused(self):
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
