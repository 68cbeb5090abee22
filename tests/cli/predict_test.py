#!/usr/bin/python3
"""Encrypted prediction with two processes: in one command, step by step, and the server's model."""

import csv
import json
import re
import shutil
import stat
import subprocess
import unittest

import numpy as np

from cli_support import ProgramTest, server
from containers import forged


class Predict(ProgramTest):
    def setUp(self):
        super().setUp()
        self.model = self.home / "out/model"
        self.fit(self.home / "out", "--fhe", "simulate")
        weights = np.load(self.model / "weights.npy")
        self.expected = self.test_values @ weights[:, 1:].T + weights[:, 0]

    def check(self, table, scores, error, calibrated=True):
        """Both files against NumPy's scores; `error`: what the program says it may be."""
        values = np.load(scores)
        self.assertEqual(values.shape, self.expected.shape)
        largest = np.abs(values - self.expected).max()
        self.assertGreater(largest, 0)
        self.assertLess(largest, error)
        calibration = json.loads((self.model / "model.json").read_text())["calibration"]
        logits = values
        if calibrated:  # a card knows no calibration
            logits = calibration["scale"] * values + np.array(calibration["offsets"] or 0)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        with open(table, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 30)
        for i, row in enumerate(rows):
            order = np.argsort(-values[i], kind="stable")
            self.assertEqual([row["class_1"], row["class_2"]], [str(order[0]), str(order[1])])
            self.assertAlmostEqual(float(row["probability_1"]), shares[i, order[0]], places=6)
            self.assertNotIn("class_3", row)
        self.assertEqual(stat.S_IMODE(table.stat().st_mode), 0o600)

    def test_all_in_one(self):
        table, scores = self.home / "predictions.csv", self.home / "scores.npy"
        text = self.succeed("predict", "--model", self.model, "--data", self.test, "--out", table,
                            "--top", "2", "--scores", scores, "--quiet").stdout
        bound = float(re.search(r"bound ([0-9.e+-]+)\)", text).group(1))
        self.assertLess(bound, 1e-3)
        self.check(table, scores, bound)
        right = np.mean(self.expected.argmax(axis=1) == self.test_labels)
        self.assertIn(f"{100 * right:.2f} %", text)
        self.assertIn("128-bit", text)

    def test_rows_without_labels(self):
        np.save(self.home / "rows.npy", self.test_values)
        np.savetxt(self.home / "rows.csv", self.test_values, delimiter=",")
        np.savetxt(self.home / "titled.csv", self.test_values, delimiter=",", comments="",
                   header="a,b,c,d,e,f")
        folder = self.home / "folder"
        folder.mkdir()
        np.save(folder / "features.npy", self.test_values)
        table, scores = self.home / "predictions.csv", self.home / "scores.npy"
        for rows in ("rows.npy", "rows.csv", "titled.csv", "folder"):
            with self.subTest(rows):
                text = self.succeed("predict", "--model", self.model, "--data", self.home / rows,
                                    "--no-labels", "--out", table, "--top", "2", "--scores", scores,
                                    "--quiet").stdout
                self.check(table, scores, 1e-3)
                self.assertNotIn("accuracy", text)
                table.unlink()
                scores.unlink()
        part = self.home / "part.csv"
        self.succeed("predict", "--model", self.model, "--data", self.home / "rows.csv",
                     "--no-labels", "--data-rows", "4:9", "--out", part, "--quiet")
        self.assertEqual(len(part.read_text().splitlines()), 6)

    def test_step_by_step_with_a_passphrase(self):
        owner, job = self.home / "private", self.home / "job"
        table, scores = self.home / "predictions.csv", self.home / "scores.npy"
        secret = {"CIPHERFIT_PASSPHRASE": "correct horse"}
        self.succeed("encrypt-rows", "--model", self.model, "--data", self.test, "--owner", owner,
                     "--job", job, "--quiet", environment=secret)
        self.assertEqual(stat.S_IMODE(owner.stat().st_mode), 0o700)
        self.assertEqual(sorted(p.name for p in job.iterdir() if p.name != ".lock"),
                         ["encrypted_model.cft", "evaluation_keys.cft", "prediction_plan.cft",
                          "rows.cft"])
        for name in ("rows.cft", "encrypted_model.cft"):
            self.assertIn("checksums", self.succeed("inspect", job / name).stdout)
        done = subprocess.run([server, job, "--quiet"], check=False, cwd="/", env={})
        self.assertEqual(done.returncode, 0)
        decrypt = ("decrypt-scores", "--owner", owner, "--job", job, "--out", table, "--top", "2",
                   "--scores", scores)
        self.refuse(*decrypt, words=["passphrase"], environment={"CIPHERFIT_PASSPHRASE": "wrong"})
        self.assertFalse(table.exists())
        self.succeed(*decrypt, environment=secret)
        self.check(table, scores, 1e-3)
        self.refuse("encrypt-rows", "--model", self.model, "--data", self.test, "--owner", owner,
                    "--job", self.home / "another", words=["one job"])

    def test_a_model_of_the_servers(self):
        card = self.home / "card"
        card.mkdir()
        self.succeed("export", "--model", self.model, "--out", self.home / "published")
        shutil.copy(self.home / "published" / "card.json", card)  # no weights
        owner, job = self.home / "private", self.home / "job"
        table, scores = self.home / "predictions.csv", self.home / "scores.npy"
        self.succeed("encrypt-rows", "--server-model", card, "--data", self.test, "--owner", owner,
                     "--job", job, "--quiet")
        self.assertFalse((job / "encrypted_model.cft").exists())
        done = subprocess.run([server, job, "--quiet"], check=False, capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--model", done.stderr)
        done = subprocess.run([server, job, "--model", self.model, "--quiet"], check=False)
        self.assertEqual(done.returncode, 0)
        self.succeed("decrypt-scores", "--owner", owner, "--job", job, "--out", table, "--top", "2",
                     "--scores", scores)
        self.check(table, scores, 1e-3, calibrated=False)
        # The same in one command, where both roles are at hand.
        self.succeed("predict", "--server-model", self.model, "--data", self.test, "--out", table,
                     "--top", "2", "--scores", scores, "--quiet")
        self.check(table, scores, 1e-3)

    def test_scores_of_another_computation_are_refused(self):
        job, owner = self.home / "job", self.home / "private"
        self.succeed("encrypt-rows", "--model", self.model, "--data", self.test, "--owner", owner,
                     "--job", job, "--quiet")
        subprocess.run([server, job, "--quiet"], check=True)
        scores = job / "scores.cft"
        scores.write_bytes(forged(scores.read_bytes()))
        table = self.home / "predictions.csv"
        self.refuse("decrypt-scores", "--owner", owner, "--job", job, "--out", table,
                    words=["within the noise", "new keys"])
        self.assertFalse(table.exists())

    def test_bad_input(self):
        table = self.home / "predictions.csv"
        narrow = self.home / "narrow.csv"
        narrow.write_text("0,1,2\n1,2,3\n")
        one = ("predict", "--out", table, "--quiet")
        self.refuse(*one, "--data", self.test, words=["--model"])
        self.refuse(*one, "--data", narrow, "--model", self.model, words=["narrow.csv", "2", "6"])
        self.refuse(*one, "--data", self.test, "--model", self.home, words=["model.json"])
        self.refuse(*one, "--data", self.test, "--no-labels", "--model", self.model,
                    words=["test.csv", "--no-labels"])
        rows = self.home / "rows.npy"
        np.save(rows, np.full((3, 6), np.nan))
        self.refuse(*one, "--data", rows, "--no-labels", "--model", self.model, words=["rows.npy"])
        np.save(rows, self.test_values)
        self.refuse(*one, "--data", rows, "--no-labels", "--data-labels", rows, "--model",
                    self.model, words=["--data-labels"])
        for text in ("", "1,2\n", "1,2,3,4,5,x\n", "1,2,3,4,5,6\n1,2\n"):
            narrow.write_text(text)
            self.refuse(*one, "--data", narrow, "--no-labels", "--model", self.model,
                        words=["narrow.csv"])
        batch = self.home / "data_batch_1.bin"
        batch.write_bytes(bytes(3073 * 2))
        self.refuse(*one, "--data", batch, "--no-labels", "--model", self.model,
                    words=["data_batch_1.bin", "labels"])
        self.refuse("decrypt-scores", "--owner", self.home, "--job", self.home, "--out", table,
                    words=["goes to the server"])
        # What earlier versions had published in place of a card is read in the same way.
        card = json.loads((self.model / "model.json").read_text())
        self.succeed(*one, "--data", self.test, "--server-model", self.model, "--quiet")
        table.unlink()
        for features in (None, -1, 2.5, 1e300, 2**63 - 1, "4"):
            del card["features"]
            if features is not None:
                card["features"] = features
            (self.home / "model.json").write_text(json.dumps(card))
            self.refuse(*one, "--data", self.test, "--server-model", self.home,
                        words=["model.json"])
            card["features"] = 0
        self.assertFalse(table.exists())


if __name__ == "__main__":
    unittest.main()
