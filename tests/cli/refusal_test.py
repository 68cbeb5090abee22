#!/usr/bin/python3
"""A server that cheats gets one answer a key, and files of the owner's that are damaged do not speak
against the server."""

import json
import shutil
import subprocess
import unittest

import numpy as np

from cli_support import ProgramTest, server, write_csv
from containers import forged


class Refusals(ProgramTest):
    def setUp(self):
        super().setUp()
        self.owner, self.job = self.encrypted_job()
        self.succeed("train", "--job", self.job, "--quiet", "--keep-checkpoints", "1")
        self.good = (self.job / "model.cft").read_bytes()
        self.model = self.home / "model"

    def decrypt(self):
        return ("decrypt", "--owner", self.owner, "--job", self.job, "--out", self.model)

    def put(self, data):
        (self.job / "model.cft").write_bytes(data)

    def outcomes(self):
        record = json.loads((self.owner / "decryptions.json").read_text())
        return [entry["outcome"] for entry in record["decryptions"]]

    def test_many_changed_models_get_one_constant_answer(self):
        lines = set()
        for trial in range(6):
            self.put(forged(self.good, position=0.1 + 0.12 * trial))
            lines.add(self.refuse(*self.decrypt(), words=["new keys"]))
        self.assertEqual(len(lines), 1, lines)
        self.assertFalse(any(c.isdigit() for c in lines.pop()))
        self.assertFalse(self.model.exists())
        self.assertEqual(self.outcomes(), ["refused"])
        # The key is used up: for the right model too, and for another job.
        self.put(self.good)
        self.refuse(*self.decrypt(), words=["new keys"])
        self.refuse("encrypt", "--owner", self.owner, "--job", self.job, "--renew", "--quiet",
                    words=["new keys"])
        self.assertEqual((self.job / "model.cft").read_bytes(), self.good)
        self.refuse("report", "--owner", self.owner, "--job", self.job, "--test", self.test,
                    "--out", self.home / "report.html", words=["new keys"])
        self.assertFalse((self.home / "report.html").exists())

    def test_another_model_after_the_right_one(self):
        self.succeed(*self.decrypt())
        weights = (self.model / "weights.npy").read_bytes()
        shutil.rmtree(self.model)
        self.put(forged(self.good))
        self.refuse(*self.decrypt(), words=["new keys"])
        self.assertEqual(self.outcomes(), ["accepted"])
        self.put(self.good)
        self.succeed(*self.decrypt())
        self.assertEqual((self.model / "weights.npy").read_bytes(), weights)

    def test_damage_on_the_way_is_no_decryption(self):
        self.put(self.good[:-1])
        self.refuse(*self.decrypt(), words=["model.cft"])
        self.assertFalse((self.owner / "decryptions.json").exists())
        self.put(self.good)
        self.succeed(*self.decrypt())

    def test_a_changed_checkpoint_uses_up_the_key(self):
        kept = self.job / "checkpoints" / "iteration_0001.cft"
        right = kept.read_bytes()
        kept.write_bytes(forged(right))
        review = ("review", "--owner", self.owner, "--job", self.job, "--validation", self.test,
                  "--out", self.model)
        first = self.refuse(*review, words=["new keys"])
        kept.write_bytes(forged(right, position=0.4))
        self.assertEqual(self.refuse(*review), first)
        kept.write_bytes(right)
        self.assertEqual(self.refuse(*review), first)
        self.assertEqual(self.refuse(*self.decrypt()), first)
        self.assertFalse(kept.with_name("iteration_0001.answer.json").exists())

    def test_a_run_whose_model_is_refused(self):
        out = self.home / "out"
        self.fit(out)
        model = out / "job" / "model.cft"
        model.write_bytes(forged(model.read_bytes()))
        self.refuse(*self.fit_arguments(out), words=["new keys"])
        # Accepted before, and another one now: nothing was decrypted.
        record = json.loads((out / "owner" / "decryptions.json").read_text())
        self.assertEqual({e["outcome"] for e in record["decryptions"]}, {"accepted"})

    def test_a_damaged_record(self):
        self.succeed(*self.decrypt())
        (self.owner / "decryptions.json").write_text("{}")
        self.refuse(*self.decrypt(), words=["decryptions.json", "damaged"])

    def test_damage_to_the_owners_files_names_them(self):
        def shift(path):
            np.save(path, np.load(path) + 0.1)

        def edit(path):
            text = path.read_text()
            bound = json.loads(text)["state_error_bound"]
            path.write_text(text.replace(repr(bound), repr(bound / 1024)))

        def rename_job(path):
            text = path.read_text()
            nonce = json.loads(text)["nonce"]
            path.write_text(text.replace(nonce, nonce[::-1]))

        for name, damage in (("twin_weights.npy", shift), ("plan.json", edit),
                             ("job.json", rename_job)):
            with self.subTest(name):
                good = (self.owner / name).read_bytes()
                damage(self.owner / name)
                self.assertNotEqual((self.owner / name).read_bytes(), good)
                line = self.refuse(*self.decrypt(), words=[name, "damaged"])
                self.assertNotIn("server", line)
                (self.owner / name).write_bytes(good)
        self.assertFalse((self.owner / "decryptions.json").exists())
        self.succeed(*self.decrypt())

    def test_scaled_rows_of_the_dual(self):
        owner, job = self.home / "dual-owner", self.home / "dual-job"
        self.succeed("plan", "--train", self.train, "--owner", owner, "--iterations", "2",
                     "--solver", "dual", "--quiet")
        self.assertNotIn("features", json.loads((owner / "plan.json").read_text())["plan"])
        self.succeed("keygen", "--owner", owner, "--job", job, "--quiet")
        self.succeed("encrypt", "--owner", owner, "--job", job, "--quiet")
        self.succeed("train", "--job", job, "--quiet")
        rows = owner / "scaled_rows.npy"
        good = rows.read_bytes()
        np.save(rows, np.load(rows) * 1.01)
        arguments = ("decrypt", "--owner", owner, "--job", job, "--out", self.model)
        self.assertNotIn("server", self.refuse(*arguments, words=["scaled_rows.npy", "damaged"]))
        rows.write_bytes(good)
        self.succeed(*arguments)

    def test_test_parameters_are_refused_in_the_owners_plan(self):
        path = self.owner / "plan.json"
        plan = json.loads(path.read_text())
        del plan["checksum"]
        plan["plan"]["insecure_for_tests_only"] = True
        path.write_text(json.dumps(plan))
        self.refuse(*self.decrypt(), words=["plan.json"])

    def test_a_servers_report_is_short_or_nothing(self):
        out = self.home / "out"
        self.fit(out)
        report = out / "job" / "server_report.json"
        for text, words in (("[" * 200_000, ["server_report.json"]), ("[]", ["server_report.json"]),
                            ("{\"a\": \"" + "x" * 70_000 + "\"}", ["server_report.json"])):
            report.write_text(text)
            self.refuse("report", "--run", out, "--out", self.home / "report.html", words=words)
        report.write_text('{"training_seconds": "soon", "threads": [1], "isa": {"a": 1}}')
        self.succeed("report", "--run", out, "--out", self.home / "report.html")


class Scores(ProgramTest):
    def setUp(self):
        super().setUp()
        self.fit(self.home / "out", "--fhe", "simulate")
        self.owner, self.job = self.home / "private", self.home / "job"
        self.table = self.home / "predictions.csv"
        self.succeed("encrypt-rows", "--model", self.home / "out/model", "--data", self.test,
                     "--owner", self.owner, "--job", self.job, "--quiet")
        subprocess.run([server, self.job, "--quiet"], check=True)
        self.scores = self.job / "scores.cft"
        self.good = self.scores.read_bytes()
        self.decrypt = ("decrypt-scores", "--owner", self.owner, "--job", self.job, "--out",
                        self.table)

    def test_changed_scores_get_one_constant_answer(self):
        lines = set()
        for position in (0.1, 0.3, 0.6):
            self.scores.write_bytes(forged(self.good, position=position))
            lines.add(self.refuse(*self.decrypt, words=["new keys"]))
        self.scores.write_bytes(self.good)
        lines.add(self.refuse(*self.decrypt))
        self.assertEqual(len(lines), 1, lines)
        self.assertFalse(self.table.exists())

    def test_right_scores_first(self):
        self.succeed(*self.decrypt)
        self.scores.write_bytes(forged(self.good))
        self.refuse(*self.decrypt, words=["new keys"])
        self.scores.write_bytes(self.good)
        self.succeed(*self.decrypt)

    def test_damage_to_the_owners_files_names_them(self):
        expected = self.owner / "expected_scores.npy"
        good = expected.read_bytes()
        np.save(expected, np.load(expected) + 1)
        line = self.refuse(*self.decrypt, words=["expected_scores.npy", "damaged"])
        self.assertNotIn("server", line)
        expected.write_bytes(good)
        record = self.owner / "prediction.json"
        text = record.read_text()
        factor = json.loads(text)["factor"]
        record.write_text(text.replace(f'"factor": {factor!r}', f'"factor": {2 * factor!r}'))
        self.assertNotIn("server", self.refuse(*self.decrypt, words=["prediction.json"]))
        record.write_text(text)
        self.succeed(*self.decrypt)


class FarFromTheOrigin(ProgramTest):
    """Columns with large offsets, like times in nanoseconds, are centred: no false alarm."""

    def test_fit_and_predict(self):
        for offset in (1e9, 1e12):
            with self.subTest(offset):
                for path, seed in ((self.train, 1), (self.test, 2)):
                    values, labels = write_csv(path, seed=seed)
                    np.savetxt(path, np.column_stack([labels, values + offset]), delimiter=",",
                               fmt=["%d"] + ["%.17g"] * values.shape[1])
                out = self.home / f"out-{offset:g}"
                figures = self.fit(out)
                self.assertGreater(figures["test_accuracy"], 0.9)
                table = self.home / "predictions.csv"
                text = self.succeed("predict", "--model", out / "model", "--data", self.test,
                                    "--out", table, "--quiet").stdout
                self.assertIn("accuracy", text)


if __name__ == "__main__":
    unittest.main()
