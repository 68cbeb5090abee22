#!/usr/bin/python3
"""`--solver statistics`: least squares from sums over the rows, from end to end."""

import json
import unittest

import numpy as np

from cli_support import ProgramTest, cipherfit, run, write_csv

solver = ("--solver", "statistics")


class Statistics(ProgramTest):
    def fit_arguments(self, out, *more):
        features = () if "--features" in more else ("--features", "raw")
        return ("fit", "--train", self.train, "--test", self.test, "--out", out, *features,
                "--threads", "2", "--quiet", *more)

    def test_fit_reaches_what_the_rows_reach(self):
        figures = self.fit(self.home / "out", *solver, "--iterations", "6")
        self.assertEqual(figures["solver"], "statistics")
        self.assertEqual(figures["sigmoid_degree"], 1)
        self.assertEqual(figures["levels_per_iteration"], 1)
        self.assertEqual(figures["first_iteration_levels"], 0)
        self.assertEqual(figures["prediction_disagreements"], 0)
        self.assertLess(figures["max_abs_weight_error"], figures["predicted_weight_error_bound"])
        self.assertGreater(figures["test_accuracy"], 0.9)
        # The same recipe on rows gives the same model, up to the noise of both.
        rows = self.fit(self.home / "rows", "--solver", "primal", "--iterations", "6",
                        "--sigmoid-degree", "1")
        self.assertEqual(rows["step"], figures["step"])
        weights = [np.load(self.home / name / "model/weights.npy") for name in ("out", "rows")]
        bound = sum(each["predicted_weight_error_bound"] for each in (figures, rows))
        self.assertLess(np.abs(weights[0] - weights[1]).max(), bound)

    def test_two_classes_are_one_head(self):
        write_csv(self.train, classes=2, seed=1)
        write_csv(self.test, rows=30, classes=2, seed=2)
        out = self.home / "out"
        figures = self.fit(out, *solver, "--iterations", "4")
        self.assertGreater(figures["test_accuracy"], 0.95)
        plan = json.loads((out / "owner/plan.json").read_text())["plan"]
        self.assertEqual((plan["solver"], plan["heads"]), ("statistics", 1))
        weights = np.load(out / "model/weights.npy")
        np.testing.assert_array_equal(weights[0], -weights[1])

    def test_features_that_are_searched_and_class_weights(self):
        for features in ("standardised", "rbf"):
            with self.subTest(features):
                figures = self.fit(self.home / features, *solver, "--features", features,
                                   "--class-weight", "balanced", "--iterations", "3")
                self.assertEqual(figures["solver"], "statistics")
                self.assertGreater(figures["test_accuracy"], 0.9)
                self.assertLess(figures["max_abs_weight_error"],
                                figures["predicted_weight_error_bound"])

    def test_step_by_step_with_a_checkpoint_between(self):
        owner, job, model = self.home / "owner", self.home / "job", self.home / "model"
        self.succeed("plan", "--train", self.train, "--owner", owner, "--features", "raw",
                     "--iterations", "4", "--quiet", *solver)
        self.succeed("keygen", "--owner", owner, "--job", job, "--quiet")
        self.succeed("encrypt", "--owner", owner, "--job", job, "--quiet")
        self.succeed("train", "--job", job, "--quiet", "--keep-checkpoints", "1")
        self.assertEqual(len(list((job / "checkpoints").glob("*.cft"))), 3)
        self.succeed("decrypt", "--owner", owner, "--job", job, "--out", model, "--quiet")
        result = self.succeed("inspect", job / "plan.cft")
        self.assertIn("statistics", result.stdout)
        # The owner needs no rows to read a model.
        self.assertFalse((owner / "scaled_rows.npy").exists())

    def test_a_plan_from_sizes_does_not_depend_on_the_rows(self):
        figures = []
        for samples in ("300", "60000"):
            file = self.home / f"{samples}.json"
            self.succeed("plan", "--samples", samples, "--feature-count", "255", "--classes", "10",
                         "--iterations", "8", "--json", file, *solver)
            figures.append(json.loads(file.read_text()))
        self.assertLessEqual(figures[0]["log_n"], 15)
        self.assertEqual(figures[0]["security_bits"], 128)
        for name in ("log_n", "upload_ciphertexts", "predicted_upload_bytes",
                     "predicted_evaluation_key_bytes", "predicted_server_peak_bytes"):
            self.assertEqual(figures[0][name], figures[1][name], name)

    def test_what_it_cannot_run_is_refused_in_one_line(self):
        plan = ("plan", "--train", self.train, "--owner", self.home / "owner", "--features", "raw",
                "--quiet", *solver)
        self.refuse(*plan, "--iterations", "3", "--sigmoid-degree", "3", words=["degree 1"])
        self.refuse(*plan, "--iterations", "1", words=["2 iterations"])
        self.refuse(*plan, "--iterations", "4", "--batch", "16", words=["all samples"])
        self.refuse(*plan, "--iterations", "2", "--preset", "chiang2023", words=["degree 1"])
        self.refuse(*plan, "--iterations", "300", "--no-rehearsal", "--step", "1",
                    words=["300 iterations", "at most"])
        self.assertFalse((self.home / "owner" / "plan.json").exists())

    def test_the_help_names_it(self):
        help_text = run("fit", "--help").stdout
        self.assertIn("statistics", help_text)
        self.assertTrue(cipherfit.is_file())


if __name__ == "__main__":
    unittest.main()
