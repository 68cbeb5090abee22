#!/usr/bin/python3
"""Messages name what they are about and a remedy that works."""

import os
import re
import subprocess
import unittest

import numpy as np

from cli_support import ProgramTest, cipherfit, server


class Messages(ProgramTest):
    def test_unknown_commands_are_named(self):
        for word in ("foo", "fitt", "Fit"):
            self.refuse(word, words=[f"'{word}' is no command of cipherfit", "--help"])
        self.refuse("foo", "--train", self.train, words=["'foo'"])
        self.refuse("info", "foo", words=["foo"])
        self.refuse("evaluate", "--foo", words=["--foo"])

    def test_nothing_empty_is_named(self):
        for option in ("--train", "--test", "--out", "--json", "--report", "--recipe"):
            self.refuse(*self.fit_arguments(self.home / "out"), option, "",
                        words=[f"{option} is empty"])
            self.refuse(*self.fit_arguments(self.home / "out"), f"{option}=",
                        words=[f"{option} is empty"])
        self.refuse("", words=["empty"])
        result = subprocess.run([server, ""], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("empty", result.stderr)

    def test_temporary_files_without_a_place(self):
        self.succeed(*self.fit_arguments(self.home / "run", "--fhe", "simulate"))
        predict = ("predict", "--model", self.home / "run/model", "--data", self.test, "--out",
                   self.home / "p.csv", "--quiet")
        for name in (self.home / "nowhere", self.train):
            self.refuse(*predict, environment={"TMPDIR": str(name)}, words=[str(name), "TMPDIR"])
        self.assertFalse((self.home / "p.csv").exists())

    def test_threads_are_those_that_the_process_may_run_on(self):
        count = len(os.sched_getaffinity(0))
        self.assertRegex(self.succeed("info").stdout, rf"threads +{count}\n")
        one = str(min(os.sched_getaffinity(0)))
        result = subprocess.run(["taskset", "-c", one, cipherfit, "info"], capture_output=True,
                                text=True, check=True)
        self.assertRegex(result.stdout, r"threads +1\n")

    def test_a_ring_that_holds_no_iteration(self):
        sizes = ("plan", "--samples", "42", "--feature-count", "5", "--classes", "3")
        line = self.refuse(*sizes, "--iterations", "1", "--log-n", "12",
                           words=["1 iteration with", "log_n = 12", "let the planner choose"])
        self.assertNotIn("at most 0", line)
        self.assertNotIn("1 iterations", line)

    def test_training_that_diverges(self):
        """Over so many iterations errors of the momentum method grow; the remedy was tried."""
        random = np.random.default_rng(0)
        centres = random.normal(size=(3, 5)) * 0.7  # so close that classes overlap
        labels = np.arange(60) % 3
        values = centres[labels] + random.normal(size=(60, 5))
        np.savetxt(self.train, np.column_stack([labels, values]), delimiter=",",
                   fmt=["%d"] + ["%.17g"] * 5)
        plan = ("plan", "--train", self.train, "--iterations", "2000", "--quiet")
        self.assertIn("decay", self.succeed(*plan).stdout)  # chosen where features are open
        plan += ("--features", "raw")
        line = self.refuse(*plan, words=["training diverges"])
        self.assertNotIn("nan", line)
        remedy = [word for number in re.findall(r"decay of ([0-9.]+)", line)
                  for word in ("--decay", number)]
        remedy += ["--momentum", "none"] if "no momentum" in line else []
        self.assertTrue(remedy, line)
        self.assertIn(remedy[0], line)  # the option is named
        self.succeed(*plan, *remedy)


if __name__ == "__main__":
    unittest.main()
