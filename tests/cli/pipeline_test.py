#!/usr/bin/python3
"""`cipherfit export-pipeline`: the program of docs/reference/pipeline.md scores as `predict` does."""

import csv
import json
import re
import stat
import unittest
from pathlib import Path

import numpy as np

from cli_support import ProgramTest

page = Path(__file__).resolve().parents[2] / "docs/reference/pipeline.md"
simulate = ("--iterations", "2", "--fhe", "simulate", "--quiet")


def documented_program():
    text = re.search(r"<!-- program -->\n```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    space = {}
    exec(compile(text.group(1), str(page), "exec"), space)  # noqa: S102
    return space


class Pipeline(ProgramTest):
    def setUp(self):
        super().setUp()
        self.program = documented_program()
        self.out, self.file = self.home / "out", self.home / "pipeline.json"

    def export(self):
        self.succeed("export-pipeline", "--model", self.out / "model", "--out", self.file)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        return json.loads(self.file.read_text())

    def check(self, pipeline, X, *arguments, classes=None):
        """Scores of `predict`, which are those in the clear but for the noise, and probabilities."""
        table, saved = self.home / "predictions.csv", self.home / "scores.npy"
        self.succeed("predict", "--model", self.out / "model", "--out", table, "--scores", saved,
                     "--quiet", *arguments)
        scores = self.program["scores_of"](pipeline, X)
        noise = np.abs(scores - np.load(saved)).max()
        self.assertLess(noise, 1e-3 * max(1, np.abs(scores).max()))
        probabilities = self.program["probabilities_of"](pipeline, scores)
        names = pipeline["class_names"]
        scale = pipeline["calibration"]["scale"] if pipeline["calibration"] else 1
        with open(table, encoding="utf-8", newline="") as file:
            for row, own, chances in zip(csv.DictReader(file), scores, probabilities):
                given = names.index(row["class_1"])
                self.assertGreaterEqual(own[given], own.max() - 2 * noise)
                # A probability changes by at most a quarter of what its logit does.
                self.assertAlmostEqual(float(row["probability_1"]), chances[given],
                                       delta=1e-6 + scale * noise)
        return scores

    def test_numbers(self):
        for kind in ((), ("--features", "raw"), ("--features", "pca", "--pca", "4")):
            with self.subTest(kind=kind):
                self.succeed("fit", "--train", self.train, "--test", self.test, "--out", self.out,
                             "--force", *simulate, *kind)
                self.check(self.export(), self.test_values, "--data", self.test)

    def test_a_table_with_text_and_gaps(self):
        random = np.random.default_rng(4)
        for name, rows in (("a.csv", 60), ("b.csv", 20)):
            with open(self.home / name, "w", encoding="ascii") as file:
                print("size,colour,weight,kind", file=file)
                for i in range(rows):
                    size = "" if i % 9 == 4 else f"{i % 2 + 0.3 * random.normal():.4f}"
                    colour = ["red", "blue", "green"][(i + i // 7) % 3] if i % 11 else "NA"
                    print(f"{size},{colour},{random.normal():.3f},{'xy'[i % 2]}", file=file)
        self.succeed("fit", "--train", self.home / "a.csv", "--out", self.out, "--label", "kind",
                     "--one-hot", "--impute", "mean", *simulate)
        pipeline = self.export()
        later = self.home / "b.csv"
        with open(later, encoding="ascii", newline="") as file:
            X = self.program["columns_of"](pipeline, csv.DictReader(file))
        self.assertEqual(X.shape, (20, 5))
        scores = self.check(pipeline, X, "--data", later)
        classes, probabilities = self.program["predict_table"](self.file, later)
        self.assertEqual(list(classes), [pipeline["class_names"][k] for k in scores.argmax(axis=1)])
        self.assertEqual(probabilities.shape, (20, 2))

    def test_images(self):
        random = np.random.default_rng(6)
        labels = np.arange(60) % 3
        pixels = random.integers(0, 120, (60, 12, 12))
        pixels[np.arange(60), 3 * labels + 2] += 110
        rows = pixels.reshape(60, 144)
        np.savetxt(self.train, np.column_stack([labels, rows]), delimiter=",", fmt="%d")
        self.succeed("fit", "--train", self.train, "--test", self.train, "--out", self.out,
                     "--features", "random-conv", "--pca", "20", *simulate)
        self.check(self.export(), rows.astype(float), "--data", self.train)

    def test_bad_input(self):
        self.refuse("export-pipeline", "--model", self.home, "--out", self.file,
                    words=["model.json"])
        self.assertFalse(self.file.exists())


if __name__ == "__main__":
    unittest.main()
