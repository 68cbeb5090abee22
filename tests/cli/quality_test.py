"""bench/quality on a small made set: the program is run, figures are kept, the page gets tables."""

import json
import subprocess
import sys
import unittest
from pathlib import Path

import numpy as np

from cli_support import ProgramTest, cipherfit

project = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(project / "bench" / "quality"))

import features  # noqa: E402
import page  # noqa: E402
import program  # noqa: E402
import sets  # noqa: E402


def made(rows, seed):
    """Two classes that a line separates but for some rows."""
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % 2
    values = random.normal(size=(rows, 4))
    values[:, 0] += 3.0 * labels
    return values, labels


def run_script(*words):
    return subprocess.run([sys.executable, "-B", str(project / "bench/quality/quality.py"), *words],
                          capture_output=True, text=True, check=False)


class QualityTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.train_split, self.test_split = made(80, 1), made(40, 2)

    def fit(self, **options):
        return program.fit_and_predict(
            cipherfit, self.train_split, self.test_split, encrypted=False, threads=1, **options)

    def test_figures_are_those_of_fit_and_predict(self):
        figures, probabilities = self.fit()
        self.assertFalse(figures["refused"])
        self.assertEqual(probabilities.shape, (40,))
        labels = self.test_split[1]
        self.assertAlmostEqual(figures["accuracy"], ((probabilities > 0.5) == labels).mean())
        self.assertGreater(figures["accuracy"], 0.8)
        # The classes are of one size, so both kinds of accuracy are the same.
        self.assertAlmostEqual(figures["accuracy"], figures["balanced_accuracy"])
        self.assertGreater(figures["iterations"], 0)

    def test_features_in_numpy_are_those_of_the_program(self):
        for kind in ("standardised", "rbf", "raw"):
            with self.subTest(kind):
                model = self.home / f"model-{kind}"
                figures, probabilities = self.fit(more=["--features", kind], model=model)
                self.assertFalse(figures["refused"], figures)
                rows = features.read(model)(self.test_split[0])
                weights = np.load(model / "weights.npy")
                self.assertEqual(rows.shape[1] + 1, weights.shape[1])
                scores = rows @ weights[:, 1:].T + weights[:, 0]
                second = scores[:, 1] > scores[:, 0] if len(weights) == 2 else scores[:, 0] > 0
                np.testing.assert_array_equal(second, probabilities > 0.5)
                self.assertAlmostEqual(
                    program.accuracy_of(weights, rows, self.test_split[1]), figures["accuracy"])

    def test_uniforms_are_those_of_the_standard_mersenne_twister(self):
        # The 10,000th number of std::mt19937_64 with the standard's seed is 9981545732273789042.
        drawn = features.uniforms(5489, 10000)
        self.assertEqual(drawn[-1], ((9981545732273789042 >> 11) + 1) * 2.0**-53)

    def test_a_refusal_is_kept_with_its_message(self):
        figures, probabilities = self.fit(more=["--sigmoid-degree", "4"])
        self.assertTrue(figures["refused"])
        self.assertIn("sigmoid-degree", figures["message"])
        self.assertIsNone(probabilities)

    def test_a_wrong_program_is_an_error_and_no_figure(self):
        with self.assertRaises(subprocess.SubprocessError):
            program.fit_and_predict("/bin/false", self.train_split, self.test_split,
                                    encrypted=False, threads=1)

    def test_the_page_gets_means_and_paired_differences(self):
        results = self.home / "results"
        shape = {"rows": 100, "columns": 4, "classes": 2, "majority": 0.5}
        run_figures = {"refused": False, "balanced_accuracy": 0.9, "log_loss": 0.3, "features": 4,
                       "feature_extractor": "raw", "iterations": 2}
        for seed, (ours, theirs) in enumerate([(0.90, 0.88), (0.92, 0.92)]):
            folder = results / "iris" / str(seed)
            folder.mkdir(parents=True)
            for name, figures in (("shape", shape),
                                  ("simulated", run_figures | {"accuracy": ours}),
                                  ("logistic", {"accuracy": theirs, "log_loss": 0.2})):
                (folder / f"{name}.json").write_text(json.dumps(figures))
        document = self.home / "page.md"
        names = ["summary", "tables", "more", "images", "balanced", "calibration", "encrypted"]
        document.write_text("Prose.\n" + "".join(
            f"<!-- table: {name} -->\nold\n<!-- end -->\n" for name in names))
        page.write(results, document)
        text = document.read_text()
        self.assertIn("Prose.", text)
        self.assertNotIn("old", text)
        # 90 and 92 against 88 and 92: differences of 2 and 0 points.
        self.assertIn("| Iris, 100 x 4, 2 | 2 | 50.0 | 91.0 ± 1.0 | 90.0 ± 2.0 | +1.0 ± 1.0 | "
                      "+0.0 |", text)
        self.assertIn("+1.00", text)
        document.write_text("no place for a table")
        with self.assertRaises(ValueError):
            page.write(results, document)

    def test_calibration_error_counts_each_bin_by_its_rows(self):
        # 0.05: bin 0, one of two is right, gap 0.45; 0.95: bin 14, all of two, gap 0.05.
        probabilities, labels = np.array([0.05, 0.05, 0.95, 0.95]), np.array([0, 1, 1, 1])
        self.assertAlmostEqual(page.calibration_error(probabilities, labels), 0.25)

    def test_text_becomes_a_column_a_value(self):
        rows = [["1.5", "red", "2"], ["-2", "blue", "3"], ["0", "red", "2"]]
        values, names = sets.encode(["size", "colour", "code"], rows, coded=("code",))
        self.assertEqual(names, ["size", "colour=blue", "colour=red", "code=2", "code=3"])
        np.testing.assert_array_equal(
            values, [[1.5, 0, 1, 1, 0], [-2, 1, 0, 0, 1], [0, 0, 1, 1, 0]])

    def test_the_script_says_what_it_does_not_know(self):
        result = run_script("--help")
        self.assertEqual(result.returncode, 0, result.stderr)
        result = run_script("guess")
        self.assertEqual(result.returncode, 2)
        self.assertIn("invalid choice", result.stderr)


if __name__ == "__main__":
    unittest.main()
