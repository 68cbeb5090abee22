"""A study of three clinics, which the tests of several owners share."""

import os
import subprocess
from pathlib import Path

from cli_support import ProgramTest, server, write_csv

support = Path(__file__).resolve().parent.parent / "support"
kill_source = support / "kill_at_call.c"
exchange_source = support / "exchange_at_read.c"
classes, features = 3, 6


class Study(ProgramTest):
    """Three clinics, any two of whom open the model, and a recipient who is none of them."""

    names = ("a", "b", "c")

    def setUp(self):
        super().setUp()
        os.environ["CIPHERFIT_TEST_PARAMETERS"] = "allow"
        self.addCleanup(os.environ.pop, "CIPHERFIT_TEST_PARAMETERS")
        self.study = self.home / "study"
        self.values = {name: write_csv(self.home / f"{name}.csv", rows=24, features=features,
                                       classes=classes, seed=10 + i)
                       for i, name in enumerate(self.names)}
        for name in (*self.names, "r"):
            self.succeed("member", "new", "--member", self.private(name), "--name",
                         f"Clinic {name}", "--card", self.home / f"{name}.card")
        self.succeed(*self.charter_arguments(self.study))

    def private(self, name):
        return self.home / f"private-{name}"

    def charter_arguments(self, out, *more):
        members = [word for name in self.names for word in ("--member", self.home / f"{name}.card")]
        return ("charter", "new", "--out", out, "--title", "three clinics", "--threshold", "2",
                *members, "--recipient", self.home / "r.card", "--feature-count", features,
                "--classes", "0,1,2", "--iterations", "2", "--ridge", "0.05",
                "--insecure-for-tests-only", *more)

    def sign(self, study=None):
        for name in (*self.names, "r"):
            self.succeed("charter", "sign", study or self.study, "--member", self.private(name))

    def places(self, name, study=None):
        return ("--member", self.private(name), "--charter", study or self.study)

    def contribute(self, name, file=None, study=None):
        return ("member", "contribute", *self.places(name, study), "--train",
                file or self.home / f"{name}.csv", "--quiet")

    def upload_everything(self):
        self.sign()
        for name in self.names:
            self.succeed(*self.contribute(name))
        for _ in range(9):
            for name in (*self.names, "r"):
                self.succeed("member", "step", *self.places(name), "--quiet")

    def serve(self):
        return subprocess.run([str(server), str(self.study), "--quiet"], capture_output=True,
                              text=True, check=False, timeout=600)

    def trained(self):
        self.upload_everything()
        result = self.serve()
        self.assertEqual(result.returncode, 0, result.stderr)

    def open(self, *more):
        return ("recipient", "open", *self.places("r"), "--out", self.home / "model", "--quiet", *more)

    def released_after_verification(self):
        self.succeed("member", "verify", *self.places("c"))
        self.released()

    def released(self):
        self.succeed(*self.open("--holders", "1,3"))
        for _ in range(2):
            for name in ("a", "c"):
                self.succeed("member", "release", *self.places(name))
        return self.succeed(*self.open("--holders", "1,3"))

    def message(self, number, kind, sender, recipient="all"):
        return self.study / f"messages/{number:02}-{kind:02}-{sender:03}-{recipient}.msg"

    def shares(self):
        return sorted(path.name for path in (self.study / "messages").glob("*-13-*"))
