"""What the tests of the programs share: small data, ways to run them, and checks of failures."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np

build = Path(os.environ["CIPHERFIT_BUILD"])
cipherfit = build / "cipherfit"
server = build / "cipherfit-server"


def run(*arguments, environment=None, **options):
    """The program's result, with text output; never a failure by itself."""
    variables = {name: value for name, value in os.environ.items() if name != "CIPHERFIT_PASSPHRASE"}
    variables.update(environment or {})
    return subprocess.run(
        [str(word) for word in (cipherfit, *arguments)], capture_output=True, text=True,
        check=False, env=variables, stdin=subprocess.DEVNULL, timeout=600, **options)


def write_csv(path, rows=48, features=6, classes=3, seed=1):
    """Well separated classes, so that two iterations learn them."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(classes, features)) * 2
    labels = np.arange(rows) % classes
    values = centres[labels] + random.normal(size=(rows, features)) * 0.5
    with open(path, "w", encoding="ascii") as file:
        for label, row in zip(labels, values):
            file.write(",".join([str(label)] + [repr(float(v)) for v in row]) + "\n")
    return values, labels


def files_of(directory):
    """Names and bytes of all files but the locks, which hold a process number."""
    return {str(p.relative_to(directory)): p.read_bytes()
            for p in sorted(Path(directory).rglob("*")) if p.is_file() and p.name != ".lock"}


class ProgramTest(unittest.TestCase):
    """A test in a directory of its own with train.csv and test.csv."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="cipherfit-cli-")
        self.addCleanup(holder.cleanup)
        self.home = Path(holder.name)
        self.train = self.home / "train.csv"
        self.test = self.home / "test.csv"
        write_csv(self.train, seed=1)
        self.test_values, self.test_labels = write_csv(self.test, rows=30, seed=2)

    def succeed(self, *arguments, **options):
        result = run(*arguments, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def refuse(self, *arguments, words=(), status=2, **options):
        """The command fails with that status, one line on stderr that has the words, no output."""
        result = run(*arguments, **options)
        self.assertEqual(result.returncode, status, result.stderr + result.stdout)
        lines = result.stderr.splitlines()
        self.assertEqual(len(lines), 1, result.stderr)
        self.assertTrue(lines[0].startswith("cipherfit: "), lines[0])
        for word in words:
            self.assertIn(word, lines[0])
        self.assertEqual(result.stdout, "")
        return lines[0]

    def fit_arguments(self, out, *more):
        """Two iterations on the columns as they are; the tests of the default are in
        model_choice_test.py."""
        features = () if "--features" in more else ("--features", "raw")
        return ("fit", "--train", self.train, "--test", self.test, "--out", out, *features,
                "--iterations", "2", "--threads", "2", "--quiet", *more)

    def fit(self, out, *more):
        report = self.home / "report.json"
        self.succeed(*self.fit_arguments(out, "--json", report, *more))
        return json.loads(report.read_text())

    def as_other_user(self, *directories):
        """Programs that a user without rights can start, and how: root may read everything, so its
        tests become somebody else, who owns the directories. Empty options for other users."""
        programs = self.home / "bin"
        programs.mkdir()
        for program in (cipherfit, server):
            shutil.copy(program, programs)
        if os.geteuid() != 0:
            return programs, {}
        nobody = 65534
        self.home.chmod(0o755)
        for directory in directories:
            for path in (directory, *directory.rglob("*")):
                os.chown(path, nobody, nobody)
        return programs, {"user": nobody, "group": nobody, "extra_groups": []}

    def encrypted_job(self, name="one"):
        """An owner's directory and a job that is ready for the server."""
        owner, job = self.home / f"{name}-owner", self.home / f"{name}-job"
        self.succeed("plan", "--train", self.train, "--owner", owner, "--features", "raw",
                     "--iterations", "2", "--quiet")
        self.succeed("keygen", "--owner", owner, "--job", job, "--quiet")
        self.succeed("encrypt", "--owner", owner, "--job", job, "--quiet")
        return owner, job
