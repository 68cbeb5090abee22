#!/usr/bin/python3
"""`cipherfit report`: the file, its figures, and how a browser shows it."""

import base64
import json
import os
import re
import stat
import struct
import sys
import unittest
from pathlib import Path

import numpy as np

from cli_support import ProgramTest
from image_support import SmallNetwork, write_folder

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "report"))
import chromium  # noqa: E402

needs_chromium = unittest.skipUnless(
    chromium.program(), "there is no chromium: tools/setup.sh test installs it")
hostile = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>"


def data_of(page):
    """The object in the page, found as a browser finds it."""
    text = Path(page).read_text(encoding="utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S).group(1))


def write_idx(folder, name, rows, seed):
    """Images of three classes, a bright row of pixels each, of which every tenth label is wrong."""
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % 3
    images = random.integers(0, 120, size=(rows, 12, 12))
    images[np.arange(rows), 3 * labels + 2] += 110
    labels[::10] = (labels[::10] + 1) % 3
    images_file = folder / f"{name}-images-idx3-ubyte"
    images_file.write_bytes(struct.pack(">4i", 0x803, rows, 12, 12) +
                            images.astype(np.uint8).tobytes())
    (folder / f"{name}-labels-idx1-ubyte").write_bytes(
        struct.pack(">2i", 0x801, rows) + labels.astype(np.uint8).tobytes())
    return images_file, images


class Report(ProgramTest):
    def test_a_simulated_curve_has_the_points_of_an_encrypted_one(self):
        """About twenty, and the last: models in between are not kept."""
        page = self.home / "simulated.html"
        self.succeed("fit", "--train", self.train, "--test", self.test, "--out", self.home / "out",
                     "--iterations", "25", "--momentum", "none", "--step", "0.5", "--no-rehearsal",
                     "--fhe", "simulate", "--report", page, "--quiet")
        curves = data_of(page)["curves"]
        self.assertEqual([p["iteration"] for p in curves["twin"]], list(range(1, 26)))
        self.assertEqual([p["iteration"] for p in curves["decrypted"]], [*range(2, 25, 2), 25])
        for point in curves["decrypted"]:
            self.assertGreater(point["weight_error"], 0)
            self.assertLess(point["weight_error"], 0.1)

    def test_fit_leaves_a_report_with_a_point_for_every_iteration(self):
        out = self.home / "out"
        figures = self.fit(out)
        page = out / "report.html"
        self.assertEqual(stat.S_IMODE(page.stat().st_mode), 0o600)
        self.assertLess(page.stat().st_size, 2e6)
        data = data_of(page)
        self.assertEqual(data["figures"]["test_accuracy"], figures["test_accuracy"])
        curves = data["curves"]
        self.assertEqual([p["iteration"] for p in curves["twin"]], [1, 2])
        self.assertEqual([p["iteration"] for p in curves["decrypted"]], [1, 2])
        for real in curves["decrypted"]:
            self.assertGreater(real["weight_error"], 0)  # it was encrypted
            self.assertLess(real["weight_error"], figures["predicted_weight_error_bound"])
        self.assertEqual(curves["decrypted"][-1]["weight_error"], figures["max_abs_weight_error"])
        self.assertEqual(curves["decrypted"][-1]["test_accuracy"], figures["test_accuracy"])

        # By the definitions, from the model's files.
        weights = np.load(out / "model/weights.npy")
        scores = self.test_values @ weights[:, 1:].T + weights[:, 0]
        counts = np.zeros((3, 3), int)
        np.add.at(counts, (self.test_labels, scores.argmax(axis=1)), 1)
        self.assertEqual(data["confusion"], counts.tolist())
        calibration = json.loads((out / "model/model.json").read_text())["calibration"]
        if calibration:
            scores = calibration["scale"] * scores + np.array(calibration["offsets"] or 0)
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(30), self.test_labels])
        self.assertAlmostEqual(curves["decrypted"][-1]["test_loss"], loss.mean(), places=9)

        quality = data["quality"]
        metrics = quality["metrics"]
        self.assertEqual(metrics, figures["test"])
        self.assertAlmostEqual(metrics["log_loss"], loss.mean(), places=9)
        self.assertEqual([m["rows"] for m in metrics["per_class"]],
                         np.bincount(self.test_labels).tolist())
        self.assertEqual([c["class"] for c in quality["curves"]], [0, 1, 2])
        for curve in quality["curves"]:
            self.assertEqual((curve["roc"][0], curve["roc"][-1]), ([0, 0], [1, 1]))
            area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2
                       for a, b in zip(curve["roc"], curve["roc"][1:]))
            self.assertAlmostEqual(area, metrics["per_class"][curve["class"]]["auc"], places=9)
            self.assertEqual(curve["precision_recall"][-1][0], 1)
        self.assertEqual(sum(b["rows"] for b in quality["calibration"]), 30)

        chain = data["chain"]
        self.assertAlmostEqual(sum(chain["q_bits"]) + sum(chain["p_bits"]), figures["log_qp"],
                               places=6)
        spent = [part for iteration in chain["iterations"] for part in iteration["spent"]]
        self.assertEqual(spent[0]["from"], figures["levels"])
        self.assertEqual(spent[-1]["to"], 0)
        for one, two in zip(spent, spent[1:]):
            self.assertEqual(one["to"], two["from"])

    def test_mistakes_have_scores_and_pictures(self):
        train, _ = write_idx(self.home, "train", 60, 1)
        test, images = write_idx(self.home, "t10k", 90, 2)
        out = self.home / "out"
        self.succeed("fit", "--train", train, "--test", test, "--out", out, "--iterations", "2",
                     "--features", "raw", "--quiet")
        mistakes = data_of(out / "report.html")["mistakes"]
        self.assertGreaterEqual(mistakes["count"], 9)  # the labels that are wrong
        self.assertEqual(mistakes["count"], len(mistakes["rows"]))
        regrets = []
        for mistake in mistakes["rows"]:
            self.assertNotEqual(mistake["scores"][0]["class"], mistake["truth"])
            self.assertLessEqual(sum(s["probability"] for s in mistake["scores"]), 1 + 1e-12)
            truth = [s for s in mistake["scores"] if s["class"] == mistake["truth"]]
            regrets.append(mistake["scores"][0]["score"] - truth[0]["score"])
            picture = mistake["picture"]
            self.assertEqual((picture["width"], picture["height"]), (12, 12))
            self.assertEqual(base64.b64decode(picture["pixels"]),
                             images[mistake["row"]].astype(np.uint8).tobytes())
        self.assertEqual(regrets, sorted(regrets, reverse=True))

    def test_pictures_of_extracted_features(self):
        network = self.home / "net.onnx"
        SmallNetwork().write(network)
        # Which channel is bright goes by the order of the classes, so that in the test folder,
        # which has no class a, every picture looks like one of another class.
        write_folder(self.home / "train", {"a": 10, "b": 10, "c": 10})
        pictures = write_folder(self.home / "test", {"b": 70, "c": 70}, size=96, seed=2)
        for name in ("train", "test"):
            self.succeed("extract", "--images", self.home / name, "--backbone", network, "--out",
                         self.home / f"{name}-features", "--quiet")
        features, out = self.home / "test-features", self.home / "out"
        self.succeed("fit", "--train", self.home / "train-features", "--test", features,
                     "--test-rows", "5:140", "--out", out, "--iterations", "2", "--quiet")
        page = out / "report.html"
        self.assertLess(page.stat().st_size, 2e6)
        mistakes = data_of(page)["mistakes"]
        self.assertEqual((mistakes["count"], len(mistakes["rows"])), (135, 120))
        # Means of 2 x 2 pixels, of which OpenCV may round a half either way.
        small = pictures.reshape(140, 48, 2, 48, 2, 3).mean(axis=(2, 4))
        shown = [m for m in mistakes["rows"] if "picture" in m]
        self.assertEqual(len(shown), 700_000 // (48 * 48 * 3))
        for mistake in shown:
            picture = mistake["picture"]
            self.assertEqual((picture["width"], picture["height"], picture["channels"]), (48, 48, 3))
            pixels = np.frombuffer(base64.b64decode(picture["pixels"]), np.uint8)
            difference = pixels.reshape(48, 48, 3) - small[5 + mistake["row"]]
            self.assertLessEqual(np.abs(difference).max(), 0.5)
        if chromium.program():
            self.shown(page, "photos")

        # A file of other pictures is refused; without one there are none.
        copies = features / "thumbnails.npy"
        np.save(copies, np.load(copies)[:-1])
        again = ("report", "--run", out)
        self.refuse(*again, words=["thumbnails.npy", "139", "140"])
        for damage in (b"no pictures", copies.read_bytes()[:-1]):
            copies.write_bytes(damage)
            self.refuse(*again, words=["thumbnails.npy"])
        copies.unlink()
        self.succeed(*again)
        without = data_of(page)["mistakes"]["rows"]
        self.assertEqual([m["row"] for m in without], [m["row"] for m in mistakes["rows"]])
        self.assertFalse(any("picture" in m for m in without))

    def test_report_again_step_by_step_and_without_checkpoints(self):
        out = self.home / "out"
        self.fit(out, "--no-curve")
        first = data_of(out / "report.html")
        self.assertEqual([p["iteration"] for p in first["curves"]["decrypted"]], [2])
        self.assertFalse((out / "job/checkpoints").exists())
        (out / "report.html").unlink()
        self.succeed("report", "--run", out)
        again = data_of(out / "report.html")
        # Only what fit measured last can be newer than what it wrote into its report.
        self.assertEqual(first, again)

        owner, job = self.encrypted_job()
        self.succeed("train", "--job", job, "--keep-checkpoints", "--quiet")
        page = self.home / "steps.html"
        self.succeed("report", "--owner", owner, "--job", job, "--test", self.test, "--out", page)
        steps = data_of(page)
        self.assertEqual([p["iteration"] for p in steps["curves"]["decrypted"]], [1, 2])
        self.assertIsNone(steps["figures"]["keygen_seconds"])

    def test_bad_input(self):
        owner, job = self.encrypted_job()
        page = self.home / "page.html"
        self.refuse("report", "--out", page, words=["--run"])
        self.refuse("report", "--run", job, "--job", job, words=["--run"])
        self.refuse("report", "--owner", owner, "--job", job, "--out", page, words=["--test"])
        self.refuse("report", "--owner", owner, "--job", job, "--out", page, "--test", self.test,
                    words=["model.cft", "No such file"])
        self.succeed("train", "--job", job, "--keep-checkpoints", "--quiet")
        kept = job / "checkpoints/iteration_0001.cft"
        kept.write_bytes(kept.read_bytes()[:-50])
        self.refuse("report", "--owner", owner, "--job", job, "--out", page, "--test", self.test,
                    words=["iteration_0001.cft"])
        self.assertFalse(page.exists())

    @needs_chromium
    def test_looks_right_in_a_browser(self):
        train, _ = write_idx(self.home, "train", 60, 1)
        test, _ = write_idx(self.home, "t10k", 90, 2)
        out = self.home / "out"
        self.succeed("fit", "--train", train, "--test", test, "--out", out, "--iterations", "2",
                     "--features", "raw", "--quiet")
        self.shown(out / "report.html", "images")

    @needs_chromium
    def test_hostile_class_names_stay_text_in_a_browser(self):
        out = self.home / "out"
        self.fit(out)
        plan = json.loads((out / "owner/plan.json").read_text())
        plan["class_names"][2] = hostile
        del plan["checksum"]
        (out / "owner/plan.json").write_text(json.dumps(plan))
        rows = [line for line in self.test.read_text().splitlines() if not line.startswith("2")]
        self.test.write_text("\n".join(rows) + "\n")
        page = self.home / "hostile.html"
        self.succeed("report", "--run", out, "--out", page)
        self.assertEqual(data_of(page)["classes"][2], hostile)
        self.shown(page, "hostile")

    def shown(self, page, name):
        """The page in both widths and schemes, which must draw all, fit, and complain of nothing.
        Screenshots go to $CIPHERFIT_SCREENSHOTS where that is set."""
        folder = Path(os.environ.get("CIPHERFIT_SCREENSHOTS", self.home))
        backgrounds = set()
        with chromium.Chromium() as browser:
            for width in (1280, 390):
                for dark in (False, True):
                    with self.subTest(width=width, dark=dark):
                        browser.open(page, width, dark)
                        self.assertEqual(browser.complaints(), [])
                        self.assertEqual(browser.requests(), [page.resolve().as_uri()])
                        self.assertEqual(
                            browser.evaluate("document.documentElement.dataset.drawn"), "yes")
                        self.assertLessEqual(
                            browser.evaluate("document.documentElement.scrollWidth"), width)
                        self.assertGreaterEqual(browser.evaluate(
                            "[...document.querySelectorAll('.chart')]"
                            ".filter(c => c.querySelector('svg')).length"), 5)
                        self.assertEqual(browser.evaluate("document.scripts.length"), 3)
                        self.assertNotIn("taken", browser.evaluate("document.title"))
                        backgrounds.add(browser.evaluate(
                            "getComputedStyle(document.body).backgroundColor"))
                        picture = folder / f"report_{name}_{width}_{'dark' if dark else 'light'}.png"
                        browser.screenshot(picture)
                        self.assertGreater(picture.stat().st_size, 10_000)
        self.assertEqual(len(backgrounds), 2)


if __name__ == "__main__":
    unittest.main()
