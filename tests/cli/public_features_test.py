#!/usr/bin/python3
"""Several owners whose charter names a public map: features of images, and of a table that no line
separates, with components of a pooled covariance; and the model, which takes rows as they are."""

import json
import unittest

import numpy as np

from several_owners_support import Study, classes, features


def shells(rows, seed):
    """The class is how far a row lies from the origin."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, features))
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    labels = np.arange(rows) % classes
    return values * (1 + 1.5 * labels[:, None] + 0.2 * random.random((rows, 1))), labels


def bars(rows, seed):
    """A bright bar on a dark ground: standing, lying or none."""
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    images = random.integers(0, 60, size=(rows, 12, 12))
    for image, label in zip(images, labels):
        at = random.integers(2, 10)
        bar = (image[at], image[:, at], image[at, 5:6])[label]
        bar[2:10] = random.integers(180, 255)
    return images.reshape(rows, -1), labels


class PublicFeatures(Study):
    def write(self, path, values, labels):
        np.savetxt(path, np.column_stack([labels, values]), delimiter=",", fmt="%.6g")
        return path

    def charter(self, name, columns, *more):
        self.study = self.home / name
        arguments = list(self.charter_arguments(self.study, *more))
        arguments[arguments.index("--feature-count") + 1] = columns
        at = arguments.index("--iterations")
        del arguments[at : at + 4]  # iterations and ridge are the charter's own
        self.succeed(*arguments)
        shown = self.home / f"{name}.json"
        text = self.succeed("charter", "show", self.study, "--json", shown).stdout
        return json.loads(shown.read_text()), text

    def accuracy(self, make, out):
        for i, name in enumerate(self.names):
            self.write(self.home / f"{name}.csv", *make(48, 20 + i))
        self.trained()
        for name in ("a", "c"):
            self.succeed("member", "verify", *self.places(name), "--quiet")
        self.released()
        values, labels = make(90, 99)
        self.write(self.home / "unseen.csv", values, labels)
        self.succeed("predict", "--model", self.home / "model", "--data", self.home / "unseen.csv",
                     "--out", self.home / out, "--quiet")
        lines = (self.home / out).read_text().splitlines()[1:]
        return np.mean([line.split(",")[1] == str(label) for line, label in zip(lines, labels)])

    def test_cosines_tell_apart_what_no_line_does(self):
        figures, text = self.charter("shells", features, "--extractor", "rbf", "--cosines", "64",
                                     "--width", "1", "--preparation", "whitened", "--components",
                                     "20", "--whitening-ridge", "0.001")
        self.assertEqual(figures["published_sums"], ["rows", "columns", "squares", "features:64",
                                                     "feature_products:64", "bound"])
        self.assertEqual((figures["iterations"], figures["lowest"]), (4, 0.3))
        self.assertIn("rbf, 64 features, seed 1", text)
        # 2,158 numbers: as many equations as 359 rows have values.
        self.assertIn("2158 sums are published of rows with 6 columns: 359 rows or fewer", text)
        # A third by chance, as of every linear model of the columns.
        self.assertGreater(self.accuracy(shells, "predictions.csv"), 0.7)

    def test_images_have_their_convolutions_for_columns(self):
        arguments = ("--extractor", "random-conv", "--filters", "4", "--preparation", "whitened",
                     "--components", "20")
        _, text = self.charter("any", 144, *arguments)
        self.assertIn("2146 sums are published of rows with 144 columns: 14 rows or fewer", text)
        figures, text = self.charter("bars", 144, *arguments, "--smallest-rows", "144")
        self.assertNotIn("CAUTION", text)
        self.assertEqual(figures["published_sums"], ["rows", "features:64", "feature_products:64",
                                                     "bound"])
        # Before anything is kept or claimed.
        self.sign()
        values, labels = bars(20, 1)
        self.write(self.home / "scaled.csv", values / 255, labels)
        self.refuse(*self.contribute("a", self.home / "scaled.csv"), words=["multiply images scaled"])
        self.assertEqual(list(self.private("a").rglob("rows")), [])
        self.assertGreater(self.accuracy(bars, "predictions.csv"), 0.9)

    def test_what_does_not_fit_is_refused(self):
        def refused(words, columns, *more):
            arguments = list(self.charter_arguments(self.home / "other", *more))
            arguments[arguments.index("--feature-count") + 1] = columns
            if "--ridge" in more:
                at = arguments.index("--ridge")
                del arguments[at : at + 2]
            self.refuse(*arguments, words=words)
            self.assertFalse((self.home / "other").exists())

        refused(["no extractor 'magic'"], 144, "--extractor", "magic")
        refused(["12 x 12 pixels do not fit rows of 145 columns"], 145, "--extractor", "random-conv")
        refused(["65 components of 64 features"], 144, "--extractor", "random-conv", "--filters",
                "4", "--preparation", "whitened", "--components", "65")
        refused(["filter size is 5"], 9, "--extractor", "random-conv")
        refused(["lowest eigenvalue"], 6, "--lowest", "0.01", "--ridge", "0.05")


if __name__ == "__main__":
    unittest.main()
