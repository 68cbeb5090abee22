#!/usr/bin/python3
"""What is trained where nothing is pinned: features, components and iterations chosen on the
training rows; class weights and shares."""

import json
import unittest

import numpy as np

from cli_support import ProgramTest


def write(path, values, labels):
    np.savetxt(path, np.column_stack([labels, values]), delimiter=",", fmt="%.12g")


def rings(rows, seed):
    """Two classes that no line separates."""
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % 2
    angles = random.uniform(0, 2 * np.pi, rows)
    radii = 1 + 2 * labels + 0.2 * random.normal(size=rows)
    return np.column_stack([radii * np.cos(angles), radii * np.sin(angles)]), labels


class ModelChoice(ProgramTest):
    def fit_default(self, *more, fhe="simulate"):
        report = self.home / "report.json"
        result = self.succeed("fit", "--train", self.train, "--test", self.test, "--out",
                              self.home / "out", "--fhe", fhe, "--force", "--json", report,
                              "--quiet", *more)
        return json.loads(report.read_text()), result.stdout

    def test_columns_of_any_scale_and_an_outlier_do_no_harm(self):
        values = np.loadtxt(self.train, delimiter=",")
        labels, values = values[:, 0], values[:, 1:]
        tests = self.test_values
        plain, text = self.fit_default()
        self.assertGreater(plain["test_accuracy"], 0.9)
        self.assertIn("held-out rows right", text)
        scale = np.array([1e-6, 1e6, 1, 1e3, 10, 0.1])

        def harder(rows):
            extra = np.column_stack([np.full(len(rows), 7e8), rows[:, 0], rows[:, 1] * 1e-3 + 1e7])
            return np.hstack([rows * scale, extra])

        bad = harder(values)
        bad[5, 2] = 1e9
        write(self.train, bad, labels)
        write(self.test, harder(tests), self.test_labels)
        figures, _ = self.fit_default()
        self.assertGreater(figures["test_accuracy"], 0.9)
        # What the columns as they are make of it: refused, with the cause and the way out.
        self.refuse("fit", "--train", self.train, "--test", self.test, "--out",
                    self.home / "raw", "--features", "raw", "--step", "24", "--sigmoid-range", "1",
                    "--iterations", "4", "--no-rehearsal", "--quiet",
                    words=["|z|", "outlier", "standardises"])

    def test_what_no_line_separates_is_learnt_and_predicted_alike(self):
        write(self.train, *rings(120, 1))
        write(self.test, *rings(80, 2))
        figures, text = self.fit_default(fhe="execute")
        self.assertGreater(figures["test_accuracy"], 0.95)
        self.assertEqual(figures["prediction_disagreements"], 0)
        self.assertIn("rbf", text)
        model = self.home / "out" / "model"
        self.assertEqual(json.loads((model / "features.json").read_text())["kind"], "rbf")
        self.assertFalse((model / "column_weights.npy").exists())
        evaluation = self.home / "evaluation.json"
        self.succeed("evaluate", "--model", model, "--test", self.test, "--json", evaluation)
        self.assertEqual(json.loads(evaluation.read_text())["accuracy"],
                         figures["test_accuracy"])
        predictions = self.home / "predictions.csv"
        self.succeed("predict", "--model", model, "--data", self.test, "--out", predictions,
                     "--quiet")
        self.assertEqual(len(predictions.read_text().splitlines()), 81)

    def test_rehearse_plan_and_fit_agree(self):
        write(self.train, *rings(120, 1))
        write(self.test, *rings(80, 2))
        recipe, report, plan = (self.home / name for name in ("r.json", "s.json", "p.json"))
        text = self.succeed("rehearse", "--train", self.train, "--out", recipe, "--json", report,
                            "--quiet").stdout
        self.assertEqual(text.count("\n  > "), 1)
        chosen = json.loads(report.read_text())["chosen"]
        written = json.loads(recipe.read_text())
        for name in ("iterations", "step", "sigmoid_degree", "sigmoid_range", "decay", "features",
                     "pca", "ridge", "rbf_width"):
            self.assertEqual(written[name], chosen[name], name)
        self.assertEqual(recipe.stat().st_mode & 0o777, 0o600)
        by_default, _ = self.fit_default()
        by_recipe, _ = self.fit_default("--recipe", recipe)
        self.succeed("plan", "--train", self.train, "--json", plan, "--quiet")
        planned = json.loads(plan.read_text())
        for name in ("iterations", "features", "step", "log_n", "upload_bytes"):
            self.assertEqual(by_default[name], by_recipe[name], name)
        for name in ("iterations", "features", "step", "log_n"):
            self.assertEqual(by_default[name], planned[name], name)
        self.assertEqual(by_default["test_accuracy"], by_recipe["test_accuracy"])

    def test_pins_are_kept(self):
        figures, text = self.fit_default("--features", "rbf", "--rbf-width", "0.2", "--pca", "10",
                                         "--ridge", "0.01", "--iterations", "3")
        self.assertEqual((figures["features"], figures["iterations"]), (10, 3))
        self.assertIn("rbf of width 0.2, 10 components, ridge 1e-02, 3 iterations", text)
        state = json.loads((self.home / "out/model/features.json").read_text())
        self.assertEqual((state["width"], state["ridge"]), (0.2, 0.01))

    def test_one_iteration_where_two_might_not_fit_the_server(self):
        write(self.train, *rings(700, 1))
        write(self.test, *rings(80, 2))
        figures, text = self.fit_default()
        self.assertGreater(figures["iterations"], 1)
        self.assertNotIn("more iterations were not tried", text)
        # 700 rows of 1,024 columns: some 220 MB for two iterations.
        figures, text = self.fit_default("--memory-limit", "0.22")
        self.assertEqual(figures["iterations"], 1)
        self.assertIn("more iterations were not tried, since they might need more than 0.22 GB",
                      text)
        # Few components need less, and who asks for two iterations gets them.
        for more in (("--pca", "15"), ("--iterations", "2")):
            figures, text = self.fit_default("--memory-limit", "0.22", "--rbf-width", "0.3", *more)
            self.assertEqual(figures["iterations"], 2, more)
            self.assertNotIn("more iterations were not tried", text)

    def test_a_linear_model_keeps_a_weight_for_every_column(self):
        figures, _ = self.fit_default("--features", "standardised")
        weights = np.load(self.home / "out/model/column_weights.npy")
        self.assertEqual(weights.shape, (3, 7))
        scores = self.test_values @ weights[:, 1:].T + weights[:, 0]
        accuracy = np.mean(scores.argmax(axis=1) == self.test_labels)
        self.assertEqual(accuracy, figures["test_accuracy"])

    def test_class_weights_and_shares(self):
        def rare(path, rows, seed):
            random = np.random.default_rng(seed)
            labels = (np.arange(rows) % 20 == 0).astype(int)
            values = random.normal(size=(rows, 3)) + 1.2 * labels[:, None]
            write(path, values, labels)
            return labels

        rare(self.train, 800, 1)
        labels = rare(self.test, 800, 2)

        def recall(*more):
            self.fit_default(*more)
            predictions = self.home / "predictions.csv"
            self.succeed("predict", "--model", self.home / "out/model", "--data", self.test,
                         "--out", predictions, "--quiet")
            lines = predictions.read_text().splitlines()
            column = lines[0].split(",").index("class_1")
            found = np.array([int(line.split(",")[column]) for line in lines[1:]])
            return np.mean(found[labels == 1] == 1), np.mean(found[labels == 0] == 0)

        plain, balanced = recall(), recall("--class-weight", "balanced")
        self.assertLess(plain[0], 0.4)
        self.assertGreater(balanced[0], 0.75)
        self.assertGreater(balanced[1], 0.75)
        weights = self.home / "weights.csv"
        weights.write_text("0,1\n1,19\n")
        self.assertEqual(recall("--class-weight", weights), balanced)
        shifted = recall("--prior", "balanced")
        self.assertGreater(shifted[0], 0.6)
        self.assertGreater(shifted[1], 0.6)
        for kept, more in (("plain", ()), ("shifted", ("--prior", "balanced"))):
            self.succeed("rehearse", "--train", self.train, "--features", "standardised",
                         "--iterations", "1", "--owner", self.home / kept, "--quiet", *more)
            plan = (self.home / kept / "plan.json").read_text()
            self.assertEqual("intercept_shift" in plan, kept == "shifted")
        self.refuse("rehearse", "--train", self.train, "--prior", "balanced", "--quiet",
                    words=["--prior", "--owner"])
        for text, words in (("0,1\n", ["'1'"]), ("0,1\n1,-2\n", ["line 2"]),
                            ("0,1\n1,2\n2,3\n", ["line 3", "'2'"]), ("", ["'0'"])):
            weights.write_text(text)
            for option in ("--class-weight", "--prior"):
                self.refuse("plan", "--train", self.train, option, weights, "--quiet",
                            words=["weights.csv", *words])
        self.refuse("plan", "--train", self.train, "--class-weight", "balance", "--quiet",
                    words=["balance"])


if __name__ == "__main__":
    unittest.main()
