#!/usr/bin/python3
"""Training on what cipherfit extract leaves: names, other networks, and rows that are too few."""

import json
import shutil
import unittest

from cli_support import files_of
from image_support import ExtractTest, SmallNetwork, write_folder


class Training(ExtractTest):
    """From folders of pictures to a model, by the names of the folders."""

    def setUp(self):
        super().setUp()
        write_folder(self.photos, {"red": 20, "green": 20, "blue": 20})
        self.succeed(*self.arguments())

    def fit_on(self, *more):
        return ("fit", "--train", self.out, "--test", self.out, "--out", self.home / "run",
                "--iterations", "2", "--fhe", "simulate", "--quiet", *more)

    def test_features_train_under_the_names_of_the_folders(self):
        result = self.succeed(*self.fit_on("--pca", "4"))
        self.assertIn("60 rows, 4 features, 3 classes", result.stdout)
        model = json.loads((self.home / "run/model/model.json").read_text())
        self.assertEqual(model["class_names"], ["blue", "green", "red"])
        report = self.home / "evaluation.json"
        self.succeed("evaluate", "--model", self.home / "run/model", "--test", self.out, "--json",
                     report)
        self.assertGreaterEqual(json.loads(report.read_text())["accuracy"], 0.95)

    def test_more_components_than_the_rank(self):
        self.refuse(*self.fit_on("--features", "pca", "--pca", "7"), words=["7 principal components", "rank 6"])
        self.assertFalse((self.home / "run").exists())
        planning = ("--train", self.out, "--features", "pca", "--pca", "7", "--quiet", "--owner",
                    self.home / "owner")
        for command in ("plan", "rehearse"):
            self.refuse(command, *planning, words=["7 principal components", "rank 6"])
        self.assertFalse((self.home / "owner").exists())

    def test_keys_that_were_planned_for_another_network(self):
        owner, job, page = (self.home / name for name in ("owner", "job", "page.html"))
        self.succeed("plan", "--train", self.out, "--iterations", "2", "--owner", owner, "--quiet")
        self.succeed("keygen", "--owner", owner, "--job", job, "--quiet")
        SmallNetwork(seed=6).write(self.backbone)
        other = self.home / "other"
        self.succeed(*self.arguments(out=other))
        before = files_of(job)
        words = ["other", "another network"]
        self.refuse("encrypt", "--owner", owner, "--job", job, "--train", other, "--quiet",
                    words=words)
        self.assertEqual(files_of(job), before)
        self.succeed("encrypt", "--owner", owner, "--job", job, "--quiet")
        self.succeed("train", "--job", job, "--quiet")
        self.refuse("report", "--owner", owner, "--job", job, "--test", other, "--out", page,
                    words=words)
        self.succeed("decrypt", "--owner", owner, "--job", job, "--out", self.home / "model")
        private, rows = self.home / "private", self.home / "rows"
        for more in ((), ("--no-labels",)):
            self.refuse("predict", "--model", self.home / "model", "--data", other, "--out",
                        self.home / "p.csv", "--quiet", *more, words=words)
            self.refuse("encrypt-rows", "--model", self.home / "model", "--data", other, "--owner",
                        private, "--job", rows, "--quiet", *more, words=words)
        for path in (page, private, rows, self.home / "p.csv"):
            self.assertFalse(path.exists(), path)

    def test_features_of_another_network(self):
        self.succeed(*self.fit_on())
        SmallNetwork(seed=6).write(self.backbone)
        other = self.home / "other"
        self.succeed(*self.arguments(out=other))
        self.refuse("evaluate", "--model", self.home / "run/model", "--test", other,
                    words=["other", "another network"])
        arguments = [other if previous == "--test" else word for previous, word in
                     zip(("", *self.fit_on()), self.fit_on("--force"))]
        self.refuse(*arguments, words=["another network"])

    def test_too_few_classes_or_samples(self):
        shutil.rmtree(self.photos)
        write_folder(self.photos, {"red": 4})
        self.succeed(*self.arguments("--force"))
        self.refuse(*self.fit_on(), words=["out: ", "two classes"])
        self.refuse_planning("out: ", "two classes")
        shutil.rmtree(self.photos)
        write_folder(self.photos, {"a": 1, "b": 1, "c": 1})
        self.succeed(*self.arguments("--force"))
        self.refuse(*self.fit_on("--train-rows", "0:2"), words=["out: ", "2 rows", "3 classes"])
        self.refuse_planning("out: ", "2 rows", "3 classes", rows="0:2")
        self.assertFalse((self.home / "run").exists())

    def refuse_planning(self, *words, rows="0:"):
        for command in ("plan", "rehearse"):
            self.refuse(command, "--train", self.out, "--train-rows", rows, "--quiet", "--owner",
                        self.home / "owner", words=words)
        self.assertFalse((self.home / "owner").exists())


if __name__ == "__main__":
    unittest.main()
