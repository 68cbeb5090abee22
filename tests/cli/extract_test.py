#!/usr/bin/python3
"""cipherfit extract: what comes out, what is left out, and going on after a stop."""

import json
import shutil
import signal
import stat
import struct
import subprocess
import time
import unittest

import numpy as np

from cli_support import cipherfit, files_of
from image_support import (ExtractTest, SmallNetwork, cmyk_jpeg, description, helper, png_bytes,
                           write_folder)


class Features(ExtractTest):
    def check(self, pictures, features):
        # 27 products of float32 numbers below 4 a position: rounding below 27 * 4 * 4 * 2^-24.
        np.testing.assert_allclose(features, self.network.features(pictures), rtol=0, atol=1e-4)

    def test_a_folder_of_class_folders(self):
        pictures = write_folder(self.photos, {"bird": 5, "ant": 4, "cat": 3})
        result = self.succeed(*self.arguments())
        self.assertIn("12 of 3 classes", result.stdout)
        self.assertNotIn("left out", result.stdout)
        features, labels, names = self.loaded()
        self.check(pictures, features)
        self.assertEqual(features.dtype, np.float32)
        self.assertEqual(labels.tolist(), [0] * 4 + [1] * 5 + [2] * 3)
        self.assertEqual(names, ["ant", "bird", "cat"])
        self.assertEqual(sorted(p.name for p in self.out.iterdir()),
                         [".lock", "class_names.json", "extraction.json", "features.npy",
                          "labels.npy", "thumbnails.npy"])

    def test_small_copies(self):
        pictures = write_folder(self.photos, {"ant": 2, "bird": 3})
        self.succeed(*self.arguments())
        file = self.out / "thumbnails.npy"
        copies = np.load(file)
        self.assertEqual(copies.dtype, np.uint8)
        np.testing.assert_array_equal(copies, pictures)  # 8 x 8: small enough as they are
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        about = json.loads((self.out / "extraction.json").read_text())
        self.assertEqual(about["thumbnails"], [8, 8, 3])
        # Of one size, larger: twice as large in squares of four equal pixels, half of it is exact.
        for path in self.photos.rglob("*.png"):
            path.unlink()
        small = np.random.default_rng(4).integers(0, 256, (2, 30, 48, 3)).astype(np.uint8)
        for name, pixels in zip(("ant", "bird"), small.repeat(2, axis=1).repeat(2, axis=2)):
            (self.photos / name / "1.png").write_bytes(png_bytes(pixels))
        self.succeed(*self.arguments("--force"))
        np.testing.assert_array_equal(np.load(file), small)

    def test_threads_and_neighbours_change_no_bit(self):
        write_folder(self.photos, {"a": 40, "b": 40})
        self.succeed(*self.arguments())
        alone = self.home / "alone"
        self.succeed("extract", "--images", self.photos, "--backbone", self.backbone, "--rows",
                     "37:42", "--threads", "1", "--quiet", "--out", alone)
        self.assertEqual(self.loaded()[0][37:42].tobytes(), self.loaded(alone)[0].tobytes())

    def test_channels_and_a_named_tensor(self):
        pictures = write_folder(self.photos, {"a": 2, "b": 2})
        self.network.write(self.backbone, about={**description, "channels": "bgr",
                                                 "mean": description["mean"]})
        # The mean over positions of a tensor before the pooling is the pooled feature.
        self.succeed(*self.arguments("--feature-tensor", "r"))
        self.check(pictures[..., ::-1], self.loaded()[0])
        self.succeed(*self.arguments("--feature-tensor", "rectified", "--force"))
        self.check(pictures[..., ::-1], self.loaded()[0])

    def test_resizing(self):
        for name, shape in (("a", (16, 24)), ("b", (24, 16))):
            (self.photos / name).mkdir(parents=True)
            pixels = np.zeros((*shape, 3), np.uint8)
            # The middle square is bright: all that cropping leaves.
            pixels[(shape[0] - 16) // 2:(shape[0] + 16) // 2,
                   (shape[1] - 16) // 2:(shape[1] + 16) // 2] = 200
            (self.photos / name / "1.png").write_bytes(png_bytes(pixels))
        self.succeed(*self.arguments())
        self.check(np.full((2, 8, 8, 3), 200), self.loaded()[0])
        # Of several sizes: squares of the middles.
        np.testing.assert_array_equal(np.load(self.out / "thumbnails.npy"),
                                      np.full((2, 48, 48, 3), 200))
        self.network.write(self.backbone, about={**description, "resize": "stretch"})
        self.succeed(*self.arguments("--force"))
        self.assertGreater(abs(self.loaded()[0] - self.network.features(
            np.full((2, 8, 8, 3), 200))).max(), 0.1)

    def test_mnist_files(self):
        random = np.random.default_rng(3)
        pixels = random.integers(0, 256, (6, 8, 8))
        labels = [7, 3, 3, 7, 9, 9]
        self.photos = self.home / "train-images-idx3-ubyte"
        self.photos.write_bytes(struct.pack(">IIII", 0x803, 6, 8, 8) +
                                pixels.astype(np.uint8).tobytes())
        (self.home / "train-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 6) +
                                                            bytes(labels))
        self.succeed(*self.arguments("--rows", "1:5"))
        features, classes, names = self.loaded()
        self.check(np.repeat(pixels[1:5, :, :, None], 3, axis=3), features)
        self.assertEqual([names[c] for c in classes], ["3", "3", "7", "9"])
        np.testing.assert_array_equal(np.load(self.out / "thumbnails.npy"), pixels[1:5, :, :, None])

    def test_cifar10_files(self):
        self.network = SmallNetwork(size=32)
        self.network.write(self.backbone)
        random = np.random.default_rng(3)
        planes = random.integers(0, 256, (4, 3, 32, 32)).astype(np.uint8)
        self.photos.mkdir()
        names = [f"class{i}" for i in range(10)]
        (self.photos / "batches.meta.txt").write_text("\n".join(names) + "\n")
        for number in (1, 2):
            records = b"".join(bytes([2 * number]) + planes[i].tobytes()
                               for i in (2 * number - 2, 2 * number - 1))
            (self.photos / f"data_batch_{number}.bin").write_bytes(records)
        self.succeed(*self.arguments())
        features, classes, found = self.loaded()
        self.check(planes.transpose(0, 2, 3, 1), features)
        self.assertEqual((classes.tolist(), found), ([2, 2, 4, 4], names))


class LeftOut(ExtractTest):
    def test_a_thousand_images_with_a_dozen_bad_ones(self):
        write_folder(self.photos, {"a": 500, "b": 500})
        bad = [f"a/{i:05}.png" for i in range(0, 100, 10)]
        for number, name in enumerate(bad):
            path = self.photos / name
            data = bytearray(path.read_bytes())
            if number % 2:
                path.write_bytes(data[:len(data) // 2])
            else:
                data[len(data) // 2] ^= 0x55
                path.write_bytes(data)
        (self.photos / "b/empty.png").write_bytes(b"")
        (self.photos / "b/notes.txt").write_text("not a picture\n")
        before = files_of(self.home)
        self.refuse(*self.arguments("--strict"), words=["12 of 1002 files", "--strict", *bad])
        self.assertEqual(files_of(self.home), before)
        result = self.succeed(*self.arguments())
        self.assertEqual(result.stderr, "")
        line, = (line for line in result.stdout.splitlines() if "left out" in line)
        for name in (*bad, "12 of 1002", "b/empty.png (empty)", "b/notes.txt (neither"):
            self.assertIn(name, line)
        features, labels, _ = self.loaded()
        self.assertEqual((len(features), np.bincount(labels).tolist()), (990, [490, 500]))

    def test_files_beside_the_class_folders(self):
        write_folder(self.photos, {"a": 2, "b": 2})
        (self.photos / "README.md").write_text("about")
        (self.photos / ".hidden").write_text("no matter")
        result = self.succeed(*self.arguments())
        self.assertIn("1 of 5 files: README.md (in no class folder)", result.stdout)

    def test_pictures_of_other_channel_counts(self):
        write_folder(self.photos, {"a": 2, "b": 2})
        (self.photos / "a/print.jpg").write_bytes(cmyk_jpeg())
        self.refuse(*self.arguments("--strict"), words=["1 of 5 files", "a/print.jpg", "CMYK"])
        self.assertFalse(self.out.exists())
        result = self.succeed(*self.arguments())
        self.assertRegex(result.stdout, r"1 of 5 files: a/print.jpg \(JPEG of 4 channels, CMYK")

    def test_nothing_usable(self):
        self.photos.mkdir()
        self.refuse(*self.arguments(), words=["photos", "class folders"])
        (self.photos / "a").mkdir()
        (self.photos / "a/x.png").write_text("no picture")
        self.refuse(*self.arguments(), words=["none of 1 files", "a/x.png"])
        self.refuse(*self.arguments("--rows", "0:9"), words=["photos", "0 to 9"])
        self.assertFalse(self.out.exists())


class Stops(ExtractTest):
    def test_rows_that_are_there_are_used(self):
        write_folder(self.photos, {"a": 30, "b": 20})
        whole = self.home / "whole"
        self.succeed(*self.arguments(out=whole))
        features = self.loaded(whole)[0]
        copies = np.load(whole / "thumbnails.npy")
        identity = json.loads((whole / "extraction.json").read_text())["identity"]
        self.out.mkdir()
        # Eleven rows that show where they come from, each with a small copy, and a torn one.
        mark = np.full((11, 6), 7, np.float32)
        black = np.zeros((11, 8, 8, 3), np.uint8)
        rows = b"".join(m.tobytes() + b.tobytes() for m, b in zip(mark, black))
        (self.out / ".rows").write_bytes(rows + features[11].tobytes()[:10])
        (self.out / ".rows.json").write_text(json.dumps({"identity": identity,
                                                         "row_bytes": 6 * 4 + 8 * 8 * 3}))
        result = self.succeed(*self.arguments())
        self.assertRegex(result.stdout, r"were there before +11\n")
        again, small = self.loaded()[0], np.load(self.out / "thumbnails.npy")
        np.testing.assert_array_equal(again[:11], mark)
        np.testing.assert_array_equal(again[11:], features[11:])
        np.testing.assert_array_equal(small[:11], black)
        np.testing.assert_array_equal(small[11:], copies[11:])
        # Those of other pictures are not, nor rows of another size.
        for owner in ({"identity": "0" * 64, "row_bytes": 216}, {"identity": identity},
                      {"identity": identity, "row_bytes": 24}):
            (whole / "extraction.json").unlink()
            (whole / ".rows").write_bytes(rows)
            (whole / ".rows.json").write_text(json.dumps(owner))
            self.succeed(*self.arguments(out=whole))
            np.testing.assert_array_equal(self.loaded(whole)[0], features)
            np.testing.assert_array_equal(np.load(whole / "thumbnails.npy"), copies)

    def test_a_killed_extraction_goes_on(self):
        write_folder(self.photos, {"a": 400, "b": 400}, size=64)
        network = SmallNetwork(size=256)
        network.write(self.backbone)
        whole = self.home / "whole"
        self.succeed(*self.arguments(out=whole))
        for stop in (signal.SIGKILL, signal.SIGTERM):
            with self.subTest(stop):
                shutil.rmtree(self.out, ignore_errors=True)
                with subprocess.Popen([str(w) for w in (cipherfit, *self.arguments())],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                      text=True) as process:
                    rows = self.out / ".rows"
                    while process.poll() is None and not (rows.exists() and rows.stat().st_size):
                        time.sleep(0.002)
                    process.send_signal(stop)
                    message = process.communicate()[1]
                if stop == signal.SIGTERM and process.returncode != 0:
                    self.assertEqual(process.returncode, 130)
                    self.assertIn("same command again", message)
                self.succeed(*self.arguments())
                self.assertEqual(files_of(self.out), files_of(whole))

    def test_complete_and_foreign_directories(self):
        write_folder(self.photos, {"a": 3, "b": 3})
        self.succeed(*self.arguments())
        before = files_of(self.out)
        self.assertRegex(self.succeed(*self.arguments()).stdout, r"were there before +6\n")
        self.refuse(*self.arguments("--rows", "1:5"), words=["out", "--force"])
        self.assertEqual(files_of(self.out), before)
        self.succeed(*self.arguments("--rows", "1:5", "--force"))
        self.assertEqual(len(self.loaded()[0]), 4)
        (self.out / "diary.txt").write_text("mine")
        self.refuse(*self.arguments("--force"), words=["out", "not empty"])


class BadNetworks(ExtractTest):
    def setUp(self):
        super().setUp()
        write_folder(self.photos, {"a": 2, "b": 2})

    def refuse_network(self, *words, arguments=()):
        self.refuse(*self.arguments(*arguments), words=[self.backbone.name, *words])
        self.assertFalse(self.out.exists())

    def test_files_that_hold_no_network(self):
        self.network.write(self.backbone, nodes=[])
        self.refuse_network("holds no network")
        for data in (b"", b"no network at all\n", bytes(range(256)), self.backbone.read_bytes()[:-9]):
            self.backbone.write_bytes(data)
            self.refuse_network("ONNX")
        self.backbone.unlink()
        self.refuse_network("No such file")

    def test_an_unsupported_layer_is_named(self):
        nodes = self.network.nodes()
        nodes[1] = helper.make_node("Frobnicate", ["c"], ["r"], name="strange")
        self.network.write(self.backbone, nodes=nodes)
        self.refuse_network("Frobnicate")

    def test_inputs_that_do_not_fit(self):
        self.network.write(self.backbone, about={"input_size": [16, 8]})
        self.refuse_network("height 8", "16")
        self.network.write(self.backbone, shape=[1, 3])
        self.refuse_network("2 dimensions")
        for channels in (1, 4):
            SmallNetwork(channels=channels).write(self.backbone)
            self.refuse_network(f"{channels} channels", "3")
        # A fully connected layer that only fits another size than the description's.
        nodes = [helper.make_node("Flatten", ["image"], ["features"]),
                 helper.make_node("Gemm", ["features", "dense"], ["scores"], transB=1)]
        self.network.write(self.backbone, nodes=nodes, shape=["n", 3, "h", "w"])
        self.refuse_network("OpenCV cannot run")

    def test_feature_tensors_that_are_not_there(self):
        self.refuse_network("pooled", arguments=("--feature-tensor", "pooled"))
        self.network.write(self.backbone, nodes=self.network.nodes()[:3])
        self.refuse_network("fully connected", "--feature-tensor")

    def test_descriptions(self):
        about = self.backbone.with_suffix(".json")
        for text, word in (("[]", "JSON object"), ("{", "JSON"), ('{"means": 1}', "means"),
                           ('{"channels": "cmyk"}', "rgb"), ('{"mean": [1, 2]}', "mean"),
                           ('{"input_size": [0, 8]}', "input_size"),
                           ('{"input_size": [16]}', "input_size"),
                           ('{"input_size": [1e300, 8]}', "input_size"), ('{"scale": "x"}', "scale")):
            with self.subTest(text):
                about.write_text(text)
                self.refuse(*self.arguments(), words=["net.json", word])
                self.assertFalse(self.out.exists())


if __name__ == "__main__":
    unittest.main()
