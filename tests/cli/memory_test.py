#!/usr/bin/python3
"""The server's memory: the limit, the figure that is printed and the process's peak agree."""

import json
import subprocess
import unittest

from cli_support import ProgramTest, run, server, write_csv


class ServerMemory(ProgramTest):
    # Of (rows, features, classes) and options for the plan.
    jobs = (((60, 40, 10), ("--iterations", "4", "--solver", "dual")),
            ((48, 12, 3), ("--iterations", "2", "--solver", "primal")),
            ((90, 6, 40), ("--iterations", "1", "--solver", "primal")))

    def plan_arguments(self, shape, options, owner):
        rows, features, classes = shape
        write_csv(self.train, rows=rows, features=features, classes=classes)
        return ("plan", "--train", self.train, "--features", "raw", "--owner", owner, "--quiet",
                "--json", self.home / "plan.json", *options)

    def test_peaks_lie_below_the_prediction_and_near_it(self):
        for number, (shape, options) in enumerate(self.jobs):
            with self.subTest(shape=shape):
                owner, job = self.home / f"owner{number}", self.home / f"job{number}"
                self.succeed(*self.plan_arguments(shape, options, owner))
                predicted = json.loads((self.home / "plan.json").read_text())[
                    "predicted_server_peak_bytes"]
                for step in ("keygen", "encrypt"):
                    self.succeed(step, "--owner", owner, "--job", job, "--quiet")
                subprocess.run([server, job, "--threads", "2", "--quiet"], check=True,
                               stdin=subprocess.DEVNULL, timeout=600)
                measured = json.loads((job / "server_report.json").read_text())["peak_rss_bytes"]
                self.assertLess(measured, predicted)
                self.assertLess(predicted - measured, max(0.05 * predicted, 48e6))

    def test_limits_are_kept_with_groups_of_classes(self):
        sizes = ("plan", "--samples", "1000", "--feature-count", "300", "--classes", "300",
                 "--iterations", "2", "--solver", "primal", "--quiet", "--json",
                 self.home / "plan.json", "--memory-limit")
        self.succeed(*sizes, "4")
        predicted = json.loads((self.home / "plan.json").read_text())["predicted_server_peak_bytes"]
        self.assertLessEqual(predicted, 4e9)
        # What it takes at least is said, with the limit.
        result = run(*sizes, "0.5")
        self.assertEqual(result.returncode, 2, result.stdout)
        self.assertIn("the limit is 0.5 GB", result.stderr)


if __name__ == "__main__":
    unittest.main()
