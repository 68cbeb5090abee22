#!/usr/bin/python3
"""Whatever the umask is, what the owner's program writes is the owner's alone; what may be published
holds nothing of the training rows; and the passphrase's file is looked at."""

import json
import os
import stat
import subprocess
import unittest

import numpy as np

from cli_support import ProgramTest, server


def numbers_in(value):
    """All numbers of a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for part in value for number in numbers_in(part)]
    return [value] if isinstance(value, float) else []


class PrivateFiles(ProgramTest):
    def assert_private(self, root, *but):
        """Files 0600, directories 0700, without what lies under `but`."""
        for path in (root, *root.rglob("*")):
            if path.is_symlink() or any(path == b or b in path.parents for b in but):
                continue
            mode = stat.S_IMODE(path.stat().st_mode)
            self.assertEqual(oct(mode), oct(0o700 if path.is_dir() else 0o600), path)

    def with_umask(self, mask, *arguments):
        return self.succeed(*arguments, preexec_fn=lambda: os.umask(mask))

    def test_outputs_of_every_command(self):
        for mask in (0, 0o022):
            with self.subTest(umask=oct(mask)):
                home = self.home / f"work-{mask}"
                home.mkdir(0o700)
                out, owner, job = home / "out", home / "owner", home / "job"
                rows = ("--train", self.train, "--features", "standardised", "--iterations", "2",
                        "--quiet")
                run = lambda *words: self.with_umask(mask, *words)
                run("fit", *rows, "--test", self.test, "--out", out, "--json", home / "fit.json")
                run("rehearse", *rows[:2], "--iterations", "1,2", "--out", home / "recipe.json",
                    "--json", home / "rehearsal.json", "--quiet")
                run("plan", *rows, "--owner", owner, "--json", home / "plan.json")
                run("keygen", "--owner", owner, "--job", job, "--quiet")
                run("encrypt", "--owner", owner, "--job", job, "--quiet")
                run("train", "--job", job, "--quiet", "--keep-checkpoints", "1")
                run("review", "--owner", owner, "--job", job, "--validation", self.test,
                    "--answer", "stop", "--out", home / "stopped")
                run("decrypt", "--owner", owner, "--job", job, "--out", home / "model")
                run("report", "--owner", owner, "--job", job, "--test", self.test, "--out",
                    home / "report.html")
                run("evaluate", "--model", home / "model", "--test", self.test, "--json",
                    home / "evaluation.json")
                run("export", "--model", home / "model", "--out", home / "published")
                run("predict", "--model", home / "model", "--data", self.test, "--out",
                    home / "predictions.csv", "--scores", home / "scores.npy", "--quiet")
                run("encrypt-rows", "--model", home / "model", "--data", self.test, "--owner",
                    home / "owner-2", "--job", home / "job-2", "--quiet")
                subprocess.run([server, home / "job-2", "--quiet"], check=True)
                run("decrypt-scores", "--owner", home / "owner-2", "--job", home / "job-2", "--out",
                    home / "predictions-2.csv")
                self.assert_private(home, job, home / "job-2", out / "job")
                # A job is for others to read, as far as the umask goes.
                for directory in (job, home / "job-2"):
                    for path in (directory, *directory.glob("*.cft")):
                        mode = stat.S_IMODE(path.stat().st_mode)
                        self.assertEqual(mode, (0o777 if path.is_dir() else 0o644) & ~mask, path)

    def test_features_of_images(self):
        pictures = self.home / "t10k-images-idx3-ubyte"
        labels = self.home / "t10k-labels-idx1-ubyte"
        random = np.random.default_rng(3)
        count = 30
        pixels = random.integers(0, 256, size=(count, 28, 28), dtype=np.uint8)
        names = (np.arange(count) % 3).astype(np.uint8)
        pixels[np.arange(count), names * 8, :] = 255
        pictures.write_bytes(bytes([0, 0, 8, 3]) + count.to_bytes(4, "big") +
                             (28).to_bytes(4, "big") * 2 + pixels.tobytes())
        labels.write_bytes(bytes([0, 0, 8, 1]) + count.to_bytes(4, "big") + names.tobytes())
        out = self.home / "out"
        self.with_umask(0, "fit", "--train", pictures, "--test", pictures, "--out", out,
                        "--iterations", "2", "--pca", "8", "--fhe", "simulate", "--quiet")
        self.assertTrue((out / "model" / "features.json").exists())
        self.assert_private(out)

    def test_a_passphrase_file_that_others_can_read(self):
        secret = self.home / "passphrase"
        secret.write_text("correct horse\n")
        plan = ("plan", "--train", self.train, "--iterations", "1", "--quiet", "--owner")
        for mode, warned in ((0o644, True), (0o640, True), (0o602, True), (0o600, False),
                             (0o400, False)):
            with self.subTest(oct(mode)):
                secret.chmod(mode)
                owner, job = self.home / f"owner-{mode}", self.home / f"job-{mode}"
                self.succeed(*plan, owner)
                result = self.succeed("keygen", "--owner", owner, "--job", job, "--quiet",
                                      "--passphrase-file", secret)
                self.assertEqual("chmod 600" in result.stderr, warned, result.stderr)


class Export(ProgramTest):
    def setUp(self):
        super().setUp()
        self.values = np.loadtxt(self.train, delimiter=",")[:, 1:]
        self.labels = np.loadtxt(self.train, delimiter=",")[:, 0].astype(int)

    def export(self, model, name="published"):
        out = self.home / name
        self.succeed("export", "--model", model, "--out", out)
        return out

    def test_the_card_holds_nothing_of_the_rows(self):
        out = self.home / "out"
        self.fit(out, "--features", "raw")
        published = self.export(out / "model")
        self.assertEqual(sorted(p.name for p in published.iterdir()), ["card.json", "weights.npy"])
        card = json.loads((published / "card.json").read_text())
        self.assertEqual(card["class_names"], ["0", "1", "2"])
        self.assertEqual((card["classes"], card["features"]), (3, 6))
        self.assertIsNone(card["feature_extractor"])
        self.assertEqual(numbers_in(card), [])
        private = json.loads((out / "model" / "model.json").read_text())["preprocessing"]
        text = (published / "card.json").read_text()
        for number in numbers_in(private):
            self.assertNotIn(f"{number!r}"[:8], text)
        # The weights are the twin's, not those that were decrypted.
        weights = np.load(published / "weights.npy")
        np.testing.assert_array_equal(weights, np.load(out / "owner" / "twin_weights.npy"))
        difference = np.abs(weights - np.load(out / "model" / "weights.npy")).max()
        self.assertGreater(difference, 0)
        self.assertLess(difference, 1e-2)

    def test_a_simulated_run_and_the_separate_commands(self):
        self.fit(self.home / "simulated", "--fhe", "simulate")
        owner, job = self.encrypted_job()
        self.succeed("train", "--job", job, "--quiet")
        self.succeed("decrypt", "--owner", owner, "--job", job, "--out", self.home / "model")
        first = np.load(self.export(self.home / "simulated" / "model", "one") / "weights.npy")
        second = np.load(self.export(self.home / "model", "two") / "weights.npy")
        np.testing.assert_array_equal(first, second)  # one twin
        noisy = np.load(self.home / "simulated" / "model" / "weights.npy")
        self.assertGreater(np.abs(first - noisy).max(), 0)
        self.assertLess(np.abs(first - noisy).max(), 1e-2)

    def test_what_was_exported_serves(self):
        out = self.home / "out"
        self.fit(out, "--fhe", "simulate")
        published = self.export(out / "model")
        table, scores = self.home / "predictions.csv", self.home / "scores.npy"
        weights = np.load(published / "weights.npy")
        expected = self.test_values @ weights[:, 1:].T + weights[:, 0]
        for kind in ("--server-model", "--model"):
            with self.subTest(kind):
                self.succeed("predict", kind, published, "--data", self.test, "--out", table,
                             "--scores", scores, "--quiet")
                self.assertLess(np.abs(np.load(scores) - expected).max(), 1e-3)
        self.succeed("evaluate", "--model", published, "--test", self.test)
        card = self.home / "card"
        card.mkdir()
        (card / "card.json").write_bytes((published / "card.json").read_bytes())
        self.succeed("encrypt-rows", "--server-model", card, "--data", self.test, "--owner",
                     self.home / "private", "--job", self.home / "job", "--quiet")
        subprocess.run([server, self.home / "job", "--model", published, "--quiet"], check=True)
        self.succeed("decrypt-scores", "--owner", self.home / "private", "--job",
                     self.home / "job", "--out", table, "--scores", scores)
        self.assertLess(np.abs(np.load(scores) - expected).max(), 1e-3)

    def test_principal_components_go_into_the_weights(self):
        out = self.home / "out"
        self.fit(out, "--fhe", "simulate", "--features", "pca", "--pca", "4")
        model = out / "model"
        published = self.export(model)
        self.assertEqual(sorted(p.name for p in published.iterdir()), ["card.json", "weights.npy"])
        features = json.loads((model / "features.json").read_text())
        components = np.array(features["projection"]).reshape(6, 4)
        twin = np.load(model / "twin_weights.npy")
        expected = ((self.test_values - features["mean"]) @ components) @ twin[:, 1:].T + twin[:, 0]
        weights = np.load(published / "weights.npy")
        self.assertEqual(weights.shape, (3, 7))
        np.testing.assert_allclose(self.test_values @ weights[:, 1:].T + weights[:, 0], expected,
                                   rtol=0, atol=1e-9)
        card = json.loads((published / "card.json").read_text())
        self.assertEqual(card["features"], 6)
        self.assertEqual(numbers_in(card), [])
        self.succeed("evaluate", "--model", published, "--test", self.test)

    def test_features_that_cannot_do_without_what_was_fitted(self):
        out = self.home / "out"
        self.fit(out, "--fhe", "simulate", "--features", "rbf")
        arguments = ("export", "--model", out / "model", "--out", self.home / "published")
        self.refuse(*arguments, words=["rbf", "--with-fitted-features"])
        self.assertFalse((self.home / "published").exists())
        self.succeed(*arguments, "--with-fitted-features")
        self.succeed("evaluate", "--model", self.home / "published", "--test", self.test)

    def test_directories_that_must_not_become_exports(self):
        out = self.home / "out"
        self.fit(out, "--fhe", "simulate")
        model = out / "model"
        self.refuse("export", "--model", model, "--out", model, words=["choose another --out"])
        self.refuse("export", "--model", model, "--out", self.home, words=["which no export wrote"])
        self.refuse("export", "--model", model, "--out", self.train, words=["not a directory"])
        self.refuse("export", "--model", self.home / "none", "--out", self.home / "new",
                    words=["model.json"])
        published = self.export(model)
        self.export(model)  # again, over itself
        self.refuse("export", "--model", published, "--out", self.home / "new",
                    words=["export already"])
        (model / "twin_weights.npy").unlink()  # as earlier versions left it
        self.refuse("export", "--model", model, "--out", self.home / "new",
                    words=["twin_weights.npy", "cipherfit decrypt"])
        self.assertFalse((self.home / "new").exists())


if __name__ == "__main__":
    unittest.main()
