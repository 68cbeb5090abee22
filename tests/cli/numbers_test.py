#!/usr/bin/python3
"""Options that take numbers: bounds in the help, one line for what is outside; sizes that no server
holds are refused at once; planning and rehearsing heed the first signal within a second."""

import os
import re
import signal
import subprocess
import time
import unittest

import numpy as np

from cli_support import ProgramTest, cipherfit, run, server, write_csv

COMMANDS = ("extract", "fit", "rehearse", "plan", "keygen", "encrypt", "train", "review", "decrypt",
            "evaluate", "report", "predict", "encrypt-rows", "decrypt-scores", "inspect")


def numeric_options(text):
    """Names of the options whose help names a type of numbers or bounds."""
    # A line of the help: names, then the type with its bounds, then words.
    found = {}
    for line in text.splitlines():
        match = re.match(r"\s+(?:-\w,)?(--[\w-]+) (\S+)", line)
        if match:
            found[match[1]] = line
    return found


class Bounds(ProgramTest):
    def helps(self):
        yield (cipherfit,), run("--help").stdout
        for command in COMMANDS:
            yield (cipherfit, command), run(command, "--help").stdout
        yield (server,), subprocess.run([server, "--help"], capture_output=True, text=True,
                                        check=True).stdout

    def test_every_number_has_bounds_in_the_help(self):
        count = 0
        for words, text in self.helps():
            for name, line in numeric_options(text).items():
                kind = line.split(name, 1)[1].split()[0]
                if re.match(r"(U?INT|N|FLOAT|EVERY|GB|A|RANGE|SECONDS|COUNT|LOG_N)\b", kind):
                    count += 1
                    self.assertRegex(line, r"[\[({]\d", (words, line))
        self.assertGreater(count, 50)

    def test_what_is_no_number_or_outside_is_refused(self):
        count = 0
        for words, text in self.helps():
            for name, line in numeric_options(text).items():
                if not re.search(r"[\[(]-?[\de.+-]+\.\.[\de.+-]+\]", line):
                    continue
                for value in ("-3", "nan", "inf", "1e400", "18446744073709551617", "x"):
                    count += 1
                    result = subprocess.run([*words, f"{name}={value}"], capture_output=True,
                                            text=True, check=False, timeout=60)
                    self.assertEqual(result.returncode, 2, (words, name, value, result.stderr))
                    self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
                    self.assertIn(name, result.stderr)
                    self.assertEqual(result.stdout, "")
        self.assertGreater(count, 300)

    def test_leading_zeros_are_decimal(self):
        text = self.succeed("plan", "--samples", "0100", "--feature-count", "08", "--classes", "3",
                            "--iterations", "2").stdout
        self.assertIn("100 rows, 8 features, 3 classes", text)

    def test_sizes_that_no_server_holds(self):
        sizes = {"--samples": "100", "--feature-count": "5", "--classes": "3"}
        for name, values in {"--samples": ("1000000000", "10000000000"),
                             "--feature-count": ("1048575", "10000000000"),
                             "--classes": ("100000", "10000000000")}.items():
            for value in values:
                for more in ((), ("--iterations", "1"), ("--iterations", "200"),
                             ("--solver", "primal"), ("--log-n", "13")):
                    arguments = [word for pair in {**sizes, name: value}.items() for word in pair]
                    begin = time.monotonic()
                    result = run("plan", *arguments, *more, "--quiet")
                    self.assertLess(time.monotonic() - begin, 10, (arguments, more))
                    if result.returncode != 0:
                        self.assertEqual(result.returncode, 2, result.stderr)
                        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
                    self.assertTrue(result.returncode == 0 or value not in ("10000000000",) or
                                    name in result.stderr, result.stderr)


class Signals(ProgramTest):
    def setUp(self):
        super().setUp()
        # So wide and long that the rehearsal takes a minute or more.
        random = np.random.default_rng(1)
        labels = np.arange(3000) % 10
        rows = random.normal(size=(3000, 300)) + np.eye(10)[labels] @ random.normal(size=(10, 300))
        np.save(self.home / "X.npy", rows)
        np.save(self.home / "y.npy", labels)

    def stopped(self, *arguments, wait=2.0, number=signal.SIGTERM):
        process = subprocess.Popen([cipherfit, *map(str, arguments)], stderr=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        time.sleep(wait)
        if process.poll() is not None:
            self.skipTest("this machine is too fast for the test")
        begin = time.monotonic()
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
        spent = time.monotonic() - begin
        self.assertEqual(process.returncode, 130, errors)
        self.assertLess(spent, 1.0 + 0.2 * os.getloadavg()[0])
        self.assertEqual(output, "")
        self.assertEqual(errors.splitlines()[-1],
                         "cipherfit: stopped by a signal: give the same command again to begin anew")

    def test_planning_and_rehearsing_stop_at_once(self):
        data = ("--train", self.home / "X.npy")
        out = self.home / "out"
        many = ("--iterations", "200", "--quiet")
        for arguments in (("rehearse", *data, "--iterations", "40,80,200", "--quiet"),
                          ("plan", *data, *many, "--owner", out),
                          ("fit", *data, "--test", self.home / "X.npy", *many, "--out", out),
                          ("fit", *data, "--test", self.home / "X.npy", *many, "--out", out,
                           "--fhe", "simulate")):
            for number in (signal.SIGTERM, signal.SIGINT):
                with self.subTest(arguments[0], number=number):
                    self.stopped(*arguments, number=number)
                    self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()
