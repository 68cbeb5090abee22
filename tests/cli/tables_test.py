#!/usr/bin/python3
"""Tables as people have them, from training to predictions: names, text, missing values, headers."""

import csv
import json
import unittest

import numpy as np

from cli_support import ProgramTest

quiet = ("--iterations", "2", "--features", "raw", "--fhe", "simulate", "--quiet")
kinds = np.array(["Adélie", "chinstrap, small", "gentoo"])


def penguins(rows, seed):
    """Three kinds of birds: two numbers, an island, and a code that looks like a number."""
    random = np.random.default_rng(seed)
    kind = np.arange(rows) % 3
    width = 40 + 4 * kind + random.normal(size=rows)
    depth = 20 - 3 * kind + random.normal(size=rows)
    island = np.array(["Biscoe", "Dream", "Torgersen"])[(kind + (random.random(rows) < 0.2)) % 3]
    return [{"width": f"{w:.3f}", "depth": f"{d:.3f}", "island": i, "code": str(7 + k % 2),
             "kind": kinds[k]} for w, d, i, k in zip(width, depth, island, kind)]


def write(path, rows, names=("width", "depth", "island", "code", "kind"), delimiter=",",
          header=True):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, delimiter=delimiter, extrasaction="ignore")
        if header:
            writer.writeheader()
        writer.writerows(rows)
    return path


class Tables(ProgramTest):
    def setUp(self):
        super().setUp()
        self.rows, self.later = penguins(90, 1), penguins(30, 2)
        self.rows[4]["width"] = "NA"
        self.rows[7]["island"] = ""
        self.train = write(self.home / "birds.csv", self.rows)
        self.test = write(self.home / "later.csv", self.later)
        self.out = self.home / "out"
        self.table = ("--label", "kind", "--one-hot", "--impute", "median")

    def fit_table(self, *more):
        figures = self.home / "figures.json"
        self.succeed("fit", "--train", self.train, "--test", self.test, "--out", self.out,
                     "--json", figures, *self.table, *quiet, *more)
        return json.loads(figures.read_text())

    def predictions(self, *arguments):
        out = self.home / "predictions.csv"
        result = self.succeed("predict", "--model", self.out / "model", "--out", out, "--quiet",
                              *arguments)
        with open(out, encoding="utf-8", newline="") as file:
            return [row["class_1"] for row in csv.DictReader(file)], result.stdout

    def test_names_and_text_are_kept_to_the_end(self):
        figures = self.fit_table()
        self.assertGreater(figures["test_accuracy"], 0.8)
        model = json.loads((self.out / "model/model.json").read_text())
        self.assertEqual(model["class_names"], list(kinds))
        columns = {c["name"]: c for c in model["table"]["columns"]}
        self.assertEqual(list(columns), ["width", "depth", "island", "code"])
        self.assertEqual(columns["island"]["categories"], ["Biscoe", "Dream", "Torgersen"])
        widths = [float(r["width"]) for r in self.rows if r["width"] != "NA"]
        self.assertAlmostEqual(columns["width"]["fill"], np.median(widths), places=12)
        self.assertEqual(model["table"]["label"], "kind")

        # The scores by hand.
        def encode(row):
            return [float(row["width"]), float(row["depth"]),
                    *(float(row["island"] == i) for i in ("Biscoe", "Dream", "Torgersen")),
                    float(row["code"])]

        weights = np.load(self.out / "model/weights.npy")
        scores = np.array([encode(r) for r in self.later]) @ weights[:, 1:].T + weights[:, 0]
        expected = list(kinds[scores.argmax(axis=1)])
        found, _ = self.predictions("--data", self.test)
        self.assertEqual(found, expected)
        text = self.succeed("evaluate", "--model", self.out / "model", "--test", self.test).stdout
        for kind in kinds:
            self.assertIn(kind, text)

        # Whole columns of the file are shuffled, here and there by other numbers.
        figures = self.home / "importance.json"
        rows = np.array([encode(r) for r in self.later])
        truth = np.array([list(kinds).index(r["kind"]) for r in self.later])
        random = np.random.default_rng(3)

        def lost(columns):
            """Mean and standard error of the accuracy lost, by the weights, over 200 shuffles."""
            def right(rows):
                scores = rows @ weights[:, 1:].T + weights[:, 0]
                return (scores.argmax(axis=1) == truth).mean()
            changed = np.repeat(rows[None], 200, axis=0)
            for one in changed:
                one[:, columns] = one[random.permutation(len(rows))][:, columns]
            losses = right(rows) - np.array([right(one) for one in changed])
            return losses.mean(), losses.std(ddof=1) / np.sqrt(200)

        text = self.succeed("evaluate", "--model", self.out / "model", "--test", self.test,
                            "--importance", "200", "--json", figures).stdout
        importance = json.loads(figures.read_text())["importance"]
        self.assertEqual({column["column"] for column in importance},
                         {"width", "depth", "island", "code"})
        for column in importance:
            places = {"width": [0], "depth": [1], "island": [2, 3, 4], "code": [5]}
            mean, error = lost(places[column["column"]])
            self.assertLess(abs(column["accuracy_lost"] - mean),
                            5 * np.hypot(error, column["accuracy_error"]) + 1e-9)
        gains = [column["log_loss_gained"] for column in importance]
        self.assertEqual(gains, sorted(gains, reverse=True))
        self.assertGreater(importance[0]["log_loss_gained"], 0.05)
        self.assertGreater(importance[0]["log_loss_gained"], 5 * importance[0]["log_loss_error"])
        self.assertIn("200 shuffles", text)
        self.assertLess(text.index("   " + importance[0]["column"]),
                        text.index("   " + importance[-1]["column"]))
        self.refuse("evaluate", "--model", self.out / "model", "--test", self.test,
                    "--importance", "0", words=["--importance"])

        # Other delimiters, another order of columns, and rows without the label.
        shuffled = write(self.home / "shuffled.csv", self.later,
                         ("kind", "code", "island", "depth", "width"), delimiter=";")
        self.assertEqual(self.predictions("--data", shuffled)[0], expected)
        bare = write(self.home / "bare.csv", self.later, ("island", "code", "width", "depth"),
                     delimiter="\t")
        self.assertEqual(self.predictions("--data", bare, "--no-labels")[0], expected)
        self.assertEqual(self.predictions("--data", shuffled, "--no-labels")[0], expected)

    def test_later_tables_of_another_kind(self):
        self.fit_table()
        model = self.out / "model"
        predict = ("predict", "--model", model, "--out", self.home / "p.csv", "--quiet")
        lacking = write(self.home / "lacking.csv", self.later, ("width", "island", "code", "kind"))
        for command in (("evaluate", "--model", model, "--test"), (*predict, "--data")):
            self.refuse(*command, lacking, words=["lacking.csv", "'depth'"])
        self.refuse(*predict, "--data", self.train, "--label", "nothing", words=["nothing"])
        more = [dict(r, id=str(100 + i)) for i, r in enumerate(self.later)]
        names = ("id", "width", "depth", "island", "code", "kind")
        extra = write(self.home / "extra.csv", more, names)
        self.refuse(*predict, "--data", extra, words=["extra.csv", "'id'", "--drop"])
        self.assertEqual(self.predictions("--data", extra, "--drop", "id")[0],
                         self.predictions("--data", self.test)[0])
        unknown = [dict(r, island="Mars") if i < 3 else r for i, r in enumerate(self.later)]
        mars = write(self.home / "mars.csv", unknown)
        _, text = self.predictions("--data", mars)
        self.assertRegex(text, r"3 values of column 'island'")
        self.assertFalse((self.home / "p.csv").exists())

    def test_unknown_classes_are_counted_on_request(self):
        self.fit_table()
        rows = [dict(r, kind="penguin") if i < 5 else r for i, r in enumerate(self.later)]
        test = write(self.home / "new.csv", rows)
        evaluate = ("evaluate", "--model", self.out / "model", "--test", test)
        self.refuse(*evaluate, words=["new.csv", "row 1", "penguin", "--count-unknown"])
        figures = self.home / "evaluation.json"
        text = self.succeed(*evaluate, "--count-unknown", "--json", figures).stdout
        self.assertIn("5 rows", text)
        found = json.loads(figures.read_text())
        self.assertEqual((found["test_samples"], found["unknown_class_rows"]), (25, 5))
        predicted, text = self.predictions("--data", test, "--count-unknown")
        self.assertEqual(len(predicted), 30)
        self.assertIn("5 rows, left out of the accuracy", text)
        all_new = write(self.home / "all.csv", [dict(r, kind="x") for r in rows])
        self.refuse("evaluate", "--model", self.out / "model", "--test", all_new,
                    "--count-unknown", words=["every row"])

    def test_what_is_no_number_is_named_with_the_remedy(self):
        fit = ("fit", "--test", self.test, "--out", self.out, *quiet, "--train")
        self.refuse(*fit, self.train, words=["birds.csv", "row 2"])
        self.refuse(*fit, self.train, "--label", "kind",
                    words=["row 2", "column 3 ('island')", "--one-hot"])
        self.refuse(*fit, self.train, "--label", "kind", "--one-hot",
                    words=["row 6", "column 1 ('width')", "'NA'", "--impute"])
        self.refuse(*fit, self.train, "--label", "kind", "--drop", "island",
                    words=["row 6", "missing"])
        self.refuse(*fit, self.train, "--label", "6", words=["--label", "'6'"])
        self.refuse(*fit, self.train, *self.table, "--drop", "nothing", words=["nothing", "--drop"])
        self.refuse(*fit, self.train, *self.table, "--delimiter", ";;", words=["--delimiter"])
        self.refuse(*fit, self.train, *self.table, "--impute", "zero", words=["--impute"])
        self.assertFalse(self.out.exists())

    def test_codes_are_encoded_on_request(self):
        self.fit_table("--categorical", "code", "--drop", "depth")
        model = json.loads((self.out / "model/model.json").read_text())
        self.assertEqual([c["name"] for c in model["table"]["columns"]],
                         ["width", "island", "code"])
        self.assertEqual(np.load(self.out / "model/weights.npy").shape, (3, 1 + 1 + 3 + 2))
        self.assertEqual(len(self.predictions("--data", self.test)[0]), 30)

    def test_a_pandas_table_without_names(self):
        """DataFrame(...).to_csv(): a header of numbers, with or without the index."""
        values = [[i % 2, i % 2 + 0.1 * (i % 7), -1.5 * (i % 2)] for i in range(40)]

        def table(name, header, index):
            rows = [header] + [([i] if index else []) + row for i, row in enumerate(values)]
            path = self.home / name
            path.write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")
            return path

        plain = table("plain.csv", [0, 1, 2], False)
        figures = self.home / "j.json"
        fit = ("fit", *quiet, "--out", self.out, "--json", figures, "--train")
        self.succeed(*fit, plain, "--test", plain)
        found = json.loads(figures.read_text())
        self.assertEqual((found["samples"], found["test_samples"], found["classes"]), (40, 40, 2))
        for header in (["", 0, 1, 2], ["", "a", "b", "c"], ["Unnamed: 0", "a", "b", "c"]):
            indexed = table("indexed.csv", header, True)
            self.refuse(*fit, indexed, "--test", indexed, "--force", words=["index", "--drop"])
            self.refuse(*fit, indexed, "--test", indexed, "--force", "--label", "2",
                        words=["index", "--drop first"])
            self.succeed(*fit, indexed, "--test", indexed, "--force", "--label", str(header[1]), "--drop",
                         "first")
        # Without a header nothing names the index but that it never repeats.
        bare = table("bare.csv", [40, 1, 2.5, 3.5], True)
        for command in ("plan", "rehearse"):
            self.refuse(command, "--train", bare, words=["bare.csv", "different labels", "--label"])
        self.refuse(*fit, bare, "--test", bare, "--force", words=["bare.csv", "different labels"])

    def test_a_label_that_is_named_but_not_first_is_asked_about(self):
        path = write(self.home / "t.csv", [{"a": str(i % 3), "b": "1.5", "target": str(i % 2)}
                                           for i in range(20)], ("a", "b", "target"))
        self.refuse("plan", "--train", path, words=["t.csv", "'target' or 1", "--label NAME"])
        self.succeed("plan", "--train", path, "--label", "target", "--iterations", "1", "--quiet")

    def test_labels_of_npy_may_be_text_and_numbers_of_any_order(self):
        random = np.random.default_rng(5)
        labels = np.arange(60) % 3
        values = random.normal(size=(60, 4)) + 3 * np.eye(4)[labels]
        folder = self.home / "arrays"
        folder.mkdir()
        for part in ("train", "test"):
            np.save(folder / f"X_{part}.npy", values.astype(">f4" if part == "test" else "<f2"))
            np.save(folder / f"y_{part}.npy", np.array(["rot", "grün", "blau"])[labels])
        figures = self.home / "f.json"
        self.succeed("fit", "--train", folder, "--test", folder, "--out", self.out, "--json",
                     figures, *quiet)
        self.assertEqual(json.loads((self.out / "model/model.json").read_text())["class_names"],
                         ["blau", "grün", "rot"])
        self.assertGreater(json.loads(figures.read_text())["test_accuracy"], 0.8)


class HeldOutShare(ProgramTest):
    def test_without_test_rows_a_share_is_held_out_and_said_so(self):
        out, figures = self.home / "out", self.home / "f.json"
        command = ("fit", "--train", self.train, "--out", out, "--iterations", "2", "--features",
                   "raw", "--threads", "2", "--quiet", "--json", figures)
        text = self.succeed(*command).stdout
        found = json.loads(figures.read_text())
        # 48 rows of three classes: 3 of 16 each.
        self.assertEqual((found["samples"], found["test_samples"]), (39, 9))
        self.assertIn("held out of the training rows", text)
        # The separate steps read the same rows again.
        self.succeed("report", "--run", out)
        again = self.succeed(*command).stdout
        self.assertEqual(json.loads(figures.read_text())["test_samples"], 9)
        self.assertEqual([line for line in text.splitlines() if "decrypted model" in line],
                         [line for line in again.splitlines() if "decrypted model" in line])
        self.refuse(*command, "--test-share", "0.5", words=["other training rows"])
        self.refuse(*command, "--test-share", "1.5", words=["--test-share"])
        self.refuse(*command, "--test-rows", "0:5", words=["--test-rows", "--test"])


if __name__ == "__main__":
    unittest.main()
