#!/usr/bin/python3
"""Two classes, trained as one logit, and levels of security: what the programs make of them."""

import csv
import json
import unittest

import numpy as np

from cli_support import ProgramTest, write_csv


class TwoClasses(ProgramTest):
    def setUp(self):
        super().setUp()
        write_csv(self.train, classes=2, seed=1)
        self.test_values, self.test_labels = write_csv(self.test, rows=30, classes=2, seed=2)

    def test_a_model_of_two_rows_whose_softmax_is_the_logits_sigmoid(self):
        for solver in ("primal", "dual"):
            with self.subTest(solver):
                out = self.home / solver
                figures = self.fit(out, "--solver", solver)
                self.assertEqual(figures["classes"], 2)
                self.assertGreater(figures["test_accuracy"], 0.95)
                self.assertLessEqual(figures["max_abs_weight_error"],
                                     figures["predicted_weight_error_bound"])
                weights = np.load(out / "model/weights.npy")
                self.assertEqual(weights.shape, (2, 7))
                np.testing.assert_array_equal(weights[0], -weights[1])
                plan = json.loads((out / "owner/plan.json").read_text())["plan"]
                self.assertEqual((plan["classes"], plan["heads"]), (2, 1))
                table = self.home / f"{solver}.csv"
                self.succeed("predict", "--model", out / "model", "--data", self.test, "--out",
                             table, "--top", "1", "--quiet")
                logits = 2 * (self.test_values @ weights[1, 1:] + weights[1, 0])
                # The calibration scales the rows' scores, and shifts them by its offsets.
                model = json.loads((out / "model/model.json").read_text())
                calibration = model["calibration"]
                offsets = calibration["offsets"] or [0, 0]
                with open(table, encoding="utf-8") as file:
                    for row, z in zip(csv.DictReader(file), logits):
                        self.assertEqual(row["class_1"], "1" if z > 0 else "0")
                        calibrated = calibration["scale"] * z + offsets[1] - offsets[0]
                        self.assertAlmostEqual(float(row["probability_1"]),
                                               1 / (1 + np.exp(-calibrated * np.sign(z))),
                                               places=3)

    def test_the_preset_keeps_two_heads(self):
        out = self.home / "preset"
        self.fit(out, "--preset", "chiang2023")
        plan = json.loads((out / "owner/plan.json").read_text())["plan"]
        self.assertNotIn("heads", plan)
        weights = np.load(out / "model/weights.npy")
        self.assertGreater(np.abs(weights[0] + weights[1]).max(), 1e-6)


class Security(ProgramTest):
    # By the published tables, N = 2^12 to 2^17.
    limits = {"128": (106, 214, 430, 868, 1747, 3523), "192": (73, 147, 297, 597, 1199, 2411),
              "256": (56, 114, 230, 462, 929, 1866), "128q": (80, 161, 322, 644, 1289, 2578)}

    def test_plans_are_held_to_the_level(self):
        for level, limits in self.limits.items():
            plan = self.home / f"{level}.json"
            text = self.succeed("plan", "--train", self.train, "--iterations", "2", "--security",
                                level, "--json", plan, "--quiet").stdout
            figures = json.loads(plan.read_text())
            self.assertEqual(figures["security"], level)
            self.assertEqual(figures["security_bits"], int(level.rstrip("q")))
            self.assertLessEqual(figures["log_qp"], limits[figures["log_n"] - 12])
            self.assertEqual(figures["largest_secure_log_qp"], limits[figures["log_n"] - 12])
            self.assertIn("128-bit quantum security" if level == "128q" else f"{level}-bit security",
                          text)

    def test_a_run_at_another_level(self):
        out = self.home / "out"
        figures = self.fit(out, "--security", "192")
        self.assertEqual((figures["security"], figures["security_bits"]), ("192", 192))
        self.assertGreater(figures["test_accuracy"], 0.9)
        # The level is part of what was planned.
        self.refuse(*self.fit_arguments(out), words=["security", "192", "128"])

    def test_refusals(self):
        for bad in ("100", "128 ", "quantum"):
            self.refuse("plan", "--train", self.train, "--security", bad, "--quiet",
                        words=["--security"])
        self.refuse("plan", "--train", self.train, "--security", "256", "--iterations", "200",
                    "--quiet", words=["200 iterations", "256-bit", "at most"])


if __name__ == "__main__":
    unittest.main()
