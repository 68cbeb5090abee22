#!/usr/bin/python3
"""Images whose features are random convolutions: the options of the filters, in every command."""

import json
import struct
import unittest

import numpy as np

from cli_support import ProgramTest
from pipeline_test import documented_program


def write_idx(path, images, labels):
    path.write_bytes(struct.pack(">4i", 0x803, *images.shape) + images.astype(np.uint8).tobytes())
    (path.parent / path.name.replace("images-idx3", "labels-idx1")).write_bytes(
        struct.pack(">2i", 0x801, len(labels)) + labels.astype(np.uint8).tobytes())
    return path


def bars(rows, seed):
    """A bright bar on a dark ground, that lies or stands, and faint noise everywhere."""
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % 2
    images = random.integers(0, 40, size=(rows, 12, 12))
    for image, label in zip(images, labels):
        at = random.integers(2, 10)
        bar = image[at] if label == 0 else image[:, at]
        bar[2:10] = random.integers(180, 255)
    return images, labels


class RandomConv(ProgramTest):
    def setUp(self):
        super().setUp()
        self.train = write_idx(self.home / "train-images-idx3-ubyte", *bars(60, 1))
        images, labels = bars(40, 2)
        self.test = write_idx(self.home / "t10k-images-idx3-ubyte", images, labels)
        self.pixels = images.reshape(len(images), -1).astype(float)

    def fit_with(self, *more, name="run"):
        report = self.home / "report.json"
        more = more if "--recipe" in more else ("--iterations", "1", "--pca", "15", *more)
        text = self.succeed("fit", "--train", self.train, "--test", self.test, "--out",
                            self.home / name, "--fhe", "simulate", "--force", "--quiet", "--json",
                            report, *more).stdout
        state = json.loads((self.home / name / "model/features.json").read_text())
        return json.loads(report.read_text()), state, text

    def test_both_thresholds_are_tried_and_the_chosen_one_is_kept(self):
        report, recipe = self.home / "rehearsal.json", self.home / "recipe.json"
        self.succeed("rehearse", "--train", self.train, "--features", "random-conv",
                     "--iterations", "1", "--pca", "15", "--out", recipe, "--json", report,
                     "--quiet")
        tried = {run["features"] for run in json.loads(report.read_text())["runs"]}
        self.assertEqual(tried, {"random-conv above 0.3", "random-conv above 0"})
        chosen = json.loads(recipe.read_text())["conv_threshold"]
        self.assertIn(chosen, (0.3, 0))
        figures, state, _ = self.fit_with("--recipe", recipe)
        self.assertAlmostEqual(self.threshold_of(state), chosen, places=4)
        self.assertGreater(figures["test_accuracy"], 0.9)

    @staticmethod
    def threshold_of(state):
        first = state["stages"][0] if "stages" in state else state
        return first["options"]["threshold"]

    def test_a_pinned_threshold_is_the_one_of_the_features(self):
        seen = {}
        for threshold in ("0", "0.45"):
            figures, state, text = self.fit_with("--features", "random-conv", "--conv-threshold",
                                                 threshold, name=f"at{threshold}")
            self.assertAlmostEqual(self.threshold_of(state), float(threshold), places=4)
            self.assertIn(f"random-conv above {threshold}, 15 components", text)
            self.assertGreater(figures["test_accuracy"], 0.9)
            seen[threshold] = np.load(self.home / f"at{threshold}/model/weights.npy")
        self.assertGreater(np.abs(seen["0"] - seen["0.45"]).max(), 1e-3)
        # The model's own threshold serves its predictions: no option repeats it.
        evaluation = self.home / "evaluation.json"
        self.succeed("evaluate", "--model", self.home / "at0.45/model", "--test", self.test,
                     "--json", evaluation)
        self.assertEqual(json.loads(evaluation.read_text())["accuracy"], figures["test_accuracy"])
        # The step of the exported pipeline has it in units of a white pixel.
        pipeline = self.home / "pipeline.json"
        self.succeed("export-pipeline", "--model", self.home / "at0.45/model", "--out", pipeline)
        steps = json.loads(pipeline.read_text())["steps"]
        conv = [step for step in steps if step["op"] == "pool_convolutions"]
        self.assertAlmostEqual(conv[0]["threshold"], 0.45, places=4)

    def test_filters_and_unit_rows(self):
        pinned = ("--features", "random-conv+rbf", "--conv-threshold", "0.3", "--rbf-width", "0.25",
                  "--rbf-cosines", "64")
        given = ("--conv-filters", "24", "--conv-normalise")
        figures, state, _ = self.fit_with(*pinned, *given)
        self.assertGreater(figures["test_accuracy"], 0.9)
        first = state["stages"][0]
        self.assertEqual(first["format"], 2)
        self.assertEqual((first["options"]["filters"], first["options"]["unit_rows"]), (24, True))
        _, usual, _ = self.fit_with(*pinned, name="usual")
        self.assertEqual(usual["stages"][0]["format"], 1)
        self.assertEqual(usual["stages"][0]["options"]["filters"], 64)
        # More than the search goes through: the features have them all.
        _, wide, _ = self.fit_with(*pinned[:-2], "--rbf-cosines", "3000", "--conv-filters", "200",
                                   name="wide")
        self.assertEqual(wide["stages"][0]["options"]["filters"], 200)
        self.assertEqual(wide["stages"][1]["cosines"], 3000)
        # A rehearsal's recipe keeps both.
        recipe = self.home / "recipe.json"
        self.succeed("rehearse", "--train", self.train, "--features", "random-conv", "--iterations",
                     "1", "--pca", "15", "--out", recipe, "--quiet", *given)
        written = json.loads(recipe.read_text())
        self.assertEqual((written["conv_filters"], written["conv_normalise"]), (24, True))
        _, state, _ = self.fit_with("--recipe", recipe, name="again")
        self.assertEqual((state["options"]["filters"], state["options"]["unit_rows"]), (24, True))
        written["conv_normalise"] = "yes"
        recipe.write_text(json.dumps(written))
        self.refuse("plan", "--train", self.train, "--recipe", recipe, "--quiet",
                    words=["recipe.json", "conv_normalise"])
        # The exported steps, in NumPy, give the features' scores.
        pipeline = self.home / "pipeline.json"
        scores = self.home / "scores.npy"
        self.succeed("export-pipeline", "--model", self.home / "run/model", "--out", pipeline)
        self.succeed("predict", "--model", self.home / "run/model", "--data", self.test, "--out",
                     self.home / "predictions.csv", "--scores", scores,
                     "--quiet")
        program = documented_program()
        own = program["scores_of"](json.loads(pipeline.read_text()), self.pixels)
        self.assertLess(np.abs(own - np.load(scores)).max(), 1e-3)

    def test_a_threshold_outside_its_range(self):
        for bad in ("-0.1", "101", "nan", "x"):
            self.refuse("fit", "--train", self.train, "--test", self.test, "--out",
                        self.home / "run", f"--conv-threshold={bad}", "--quiet",
                        words=["--conv-threshold", bad])
            self.assertFalse((self.home / "run").exists())


if __name__ == "__main__":
    unittest.main()
