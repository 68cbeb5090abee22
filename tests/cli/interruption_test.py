#!/usr/bin/python3
"""A kill before any call that makes a file or a name durable: the same command, given again, ends as
if nothing had happened, and no leftover stays."""

import json
import os
import shutil
import signal
import subprocess
import unittest
from pathlib import Path

import numpy as np

from cli_support import ProgramTest, cipherfit, files_of, server
from image_support import SmallNetwork, write_folder

# Of the calls before which a command is killed: all of them, or every third.
stride = 1 if os.environ.get("CIPHERFIT_FULL") else 3
source = Path(__file__).resolve().parent.parent / "support/kill_at_call.c"


def leftovers(directory):
    return [path for path in directory.rglob("*")
            if path.name.startswith((".cipherfit-", "cipherfit-predict-"))]


class Killed(ProgramTest):
    def setUp(self):
        super().setUp()
        self.library = self.home / "kill_at_call.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", self.library, source, "-ldl"], check=True)
        self.temporary = self.home / "temporary"
        self.temporary.mkdir()

    def started(self, command, **variables):
        return subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL, timeout=600, cwd=self.home,
            env={**os.environ, "TMPDIR": str(self.temporary), "LD_PRELOAD": str(self.library),
                 **variables})

    def kill_everywhere(self, command, directories, check, step=1):
        """Runs the command with a kill before each of its calls, from the state of the directories
        at the start, and again: status 0, check(), and nothing left. step leaves out more calls."""
        start = self.home / "start"
        shutil.copytree(self.home, start, ignore=lambda folder, names: [
            name for name in names if Path(folder) == self.home and name not in directories])

        def restore():
            for name in directories:
                shutil.rmtree(self.home / name, ignore_errors=True)
                if (start / name).exists():
                    shutil.copytree(start / name, self.home / name)

        restore()
        counter = self.home / "calls"
        counter.unlink(missing_ok=True)
        result = self.started(command, COUNT_CALLS=str(counter))
        self.assertEqual(result.returncode, 0, result.stderr)
        check()
        calls = counter.stat().st_size
        self.assertGreater(calls, 2)
        for call in range(1, calls + 1, step * stride):
            with self.subTest(command=command[1], call=call, of=calls):
                restore()
                killed = self.started(command, KILL_AT_CALL=str(call))
                self.assertEqual(killed.returncode, -signal.SIGKILL, killed.stderr)
                again = self.started(command)
                self.assertEqual(again.returncode, 0, again.stderr)
                check()
                for name in directories:
                    self.assertEqual(leftovers(self.home / name), [])
                self.assertEqual(leftovers(self.temporary), [])
        shutil.rmtree(start)
        return calls

    def fit_command(self, out, *more):
        return (cipherfit, "fit", "--train", self.train, "--test", self.test, "--out", out,
                "--iterations", "1", "--no-rehearsal", "--threads", "1", "--quiet", *more)

    def test_fit(self):
        out, folder = self.home / "out", self.home / "results"
        folder.mkdir()
        weights = []

        def check():
            figures = json.loads((folder / "figures.json").read_text())
            self.assertEqual(figures["prediction_disagreements"], 0)
            weights.append(np.load(out / "model/weights.npy"))
            # Encrypted anew under a new key at most: the noise differs.
            np.testing.assert_allclose(weights[-1], weights[0], rtol=0,
                                       atol=2 * figures["predicted_weight_error_bound"])
            for name in ("model/model.json", "report.html", "job/model.cft", "owner/plan.json"):
                self.assertTrue((out / name).exists(), name)

        self.kill_everywhere(self.fit_command(out, "--json", folder / "figures.json"),
                             ["out", "results"], check)

    def test_a_simulated_fit_and_one_by_force(self):
        out, folder = self.home / "out", self.home / "results"
        folder.mkdir()

        def check():
            self.assertEqual(json.loads((folder / "figures.json").read_text())["fhe"], "simulate")
            self.assertEqual([path.name for path in out.iterdir() if any(
                path.is_file() or inner.name != ".lock" for inner in path.rglob("*"))], ["model"])
            self.assertEqual(np.load(out / "model/weights.npy").shape, (3, 7))

        command = self.fit_command(out, "--fhe", "simulate", "--json", folder / "figures.json",
                                   "--report", folder / "report.html")
        self.kill_everywhere(command, ["out", "results"], check)
        shutil.rmtree(out)
        # Over an encrypted run.
        result = self.started(self.fit_command(out))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.kill_everywhere((*command, "--force"), ["out", "results"], check, step=3)

    def test_the_steps(self):
        owner, job, model = self.home / "owner", self.home / "job", self.home / "model"
        quiet = ("--threads", "1", "--quiet")
        pair = ("--owner", owner, "--job", job)
        (self.home / "results").mkdir()
        self.kill_everywhere(
            (cipherfit, "plan", "--train", self.train, "--iterations", "3", "--no-rehearsal",
             "--owner", owner, "--json", self.home / "results/plan.json", *quiet),
            ["owner", "results"],
            lambda: json.loads((owner / "plan.json").read_text()))
        self.kill_everywhere((cipherfit, "keygen", *pair, *quiet), ["owner", "job"],
                             lambda: self.assertTrue((job / "evaluation_keys.cft").exists()))
        self.kill_everywhere((cipherfit, "encrypt", *pair, *quiet), ["owner", "job"],
                             lambda: self.assertTrue((job / "plan.cft").exists()))
        models = []

        def check_model():
            models.append((job / "model.cft").read_bytes())
            self.assertEqual(models[-1], models[0])

        for more in ((), ("--keep-checkpoints", "1")):
            before = files_of(job)
            self.kill_everywhere((server, job, *quiet, *more), ["job"], check_model)
            if more == ():
                for name in set(files_of(job)) - set(before):
                    (job / name).unlink()
        weights = []

        def check_weights():
            weights.append((model / "weights.npy").read_bytes())
            self.assertEqual(weights[-1], weights[0])
            json.loads((model / "model.json").read_text())

        self.kill_everywhere((cipherfit, "decrypt", *pair, "--out", model, *quiet),
                             ["owner", "model"], check_weights)
        page = self.home / "results/report.html"
        self.kill_everywhere((cipherfit, "report", *pair, "--test", self.test, "--out", page,
                              *quiet), ["owner", "results"],
                             lambda: self.assertTrue(page.exists()))

    def test_mini_batches(self):
        out = self.home / "out"
        self.kill_everywhere(
            (cipherfit, "fit", "--train", self.train, "--test", self.test, "--out", out, "--batch",
             "16", "--iterations", "3", "--threads", "1", "--quiet"), ["out"],
            lambda: self.assertEqual(np.load(out / "model/weights.npy").shape, (3, 7)), step=5)

    def test_predictions(self):
        result = self.started(self.fit_command(self.home / "run", "--fhe", "simulate"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.kill_everywhere(
            (cipherfit, "export", "--model", self.home / "run/model", "--out",
             self.home / "published"), ["published"],
            lambda: self.assertEqual(sorted(p.name for p in (self.home / "published").iterdir()),
                                     ["card.json", "weights.npy"]))
        source = ("--model", self.home / "run/model", "--data", self.test)
        quiet = ("--threads", "1", "--quiet")
        folder = self.home / "results"
        folder.mkdir()

        def check():
            lines = (folder / "predictions.csv").read_text().splitlines()
            self.assertEqual(len(lines), 31)
            self.assertEqual(np.load(folder / "scores.npy").shape, (30, 3))

        outputs = ("--out", folder / "predictions.csv", "--scores", folder / "scores.npy")
        self.kill_everywhere((cipherfit, "predict", *source, *outputs, *quiet), ["results"], check)
        owner, job = self.home / "owner", self.home / "job"
        pair = ("--owner", owner, "--job", job)
        self.kill_everywhere((cipherfit, "encrypt-rows", *source, *pair, *quiet), ["owner", "job"],
                             lambda: self.assertFalse((owner / "unfinished.json").exists()))
        self.kill_everywhere((server, job, *quiet), ["job"],
                             lambda: self.assertTrue((job / "scores.cft").exists()))
        self.kill_everywhere((cipherfit, "decrypt-scores", *pair, *outputs, "--quiet"),
                             ["owner", "results"], check)
        # What is complete is not begun anew: its key may be needed.
        self.refuse("encrypt-rows", *source, *pair, *quiet, words=["holds a key already"])

    def test_rehearsals_and_features(self):
        folder, owner = self.home / "results", self.home / "owner"
        folder.mkdir()
        self.kill_everywhere(
            (cipherfit, "rehearse", "--train", self.train, "--iterations", "2", "--sigmoid-degree",
             "3", "--step", "4", "--owner", owner, "--out", folder / "recipe.json", "--json",
             folder / "figures.json", "--quiet"), ["owner", "results"],
            lambda: [json.loads(path.read_text()) for path in (
                owner / "plan.json", folder / "recipe.json", folder / "figures.json")])
        photos, network = self.home / "photos", self.home / "net.onnx"
        write_folder(photos, {"ant": 2, "bird": 2})
        SmallNetwork().write(network)
        features = self.home / "features"
        self.kill_everywhere(
            (cipherfit, "extract", "--images", photos, "--backbone", network, "--out", features,
             "--json", folder / "about.json", "--quiet"), ["features", "results"],
            lambda: self.assertEqual(
                sorted(path.name for path in features.iterdir()),
                [".lock", "class_names.json", "extraction.json", "features.npy", "labels.npy",
                 "thumbnails.npy"]))


if __name__ == "__main__":
    unittest.main()
